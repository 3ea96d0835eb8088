package agent_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"time"

	"daca/services/chat/agent"
	"daca/services/model/offline"
)

// An agent works with every server that speaks OpenAI's chat completions; here it
// is the offline model, which calls the tool because the user asks for the time.
func ExampleAgent_Run() {
	model, err := offline.New(offline.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(model)
	defer server.Close()

	noon := func() time.Time { return time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC) }
	clock, err := agent.New(agent.Config{
		BaseURL: server.URL + "/v1",
		Model:   "offline",
		Tools:   []agent.Tool{agent.CurrentTime(noon)},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := clock.Run(context.Background(), agent.Request{
		Instructions: agent.Instructions(0, true),
		Text:         "What time is it?",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(answer.Reply)
	// Output:
	// Welcome! This is your first message. I am the offline model, so I pass on what my tools say: 2026-01-02 12:00:00 UTC
}

// Whoever wants to see the answer while it is made observes the run.
func ExampleRequest_observe() {
	model, err := offline.New(offline.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(model)
	defer server.Close()
	assistant, err := agent.New(agent.Config{BaseURL: server.URL + "/v1", Model: "offline"})
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := assistant.Run(context.Background(), agent.Request{
		History: []agent.Message{
			{Role: agent.RoleUser, Content: "My name is Ada."},
			{Role: agent.RoleAssistant, Content: "Hello, Ada!"},
		},
		Text: "What is my name?",
		Observe: func(event agent.Event) {
			if token, ok := event.(agent.Token); ok {
				fmt.Printf("%s|", token.Text)
			}
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println()
	fmt.Println(answer.Reply)
	fmt.Println(answer.FinishReason)
	// Output:
	// Hello! |Your |name |is |Ada.|
	// Hello! Your name is Ada.
	// stop
}
