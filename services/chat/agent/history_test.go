package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// say returns a message, for histories.
func say(role, text string) Message { return Message{Role: role, Content: text} }

// look returns a question that was answered with the help of a tool.
func look(n int) []Message {
	id := fmt.Sprintf("call-%d", n)
	return []Message{
		say(RoleUser, fmt.Sprintf("question %d", n)),
		{Role: RoleAssistant, ToolCalls: []ToolCall{{ID: id, Name: "look", Arguments: `{"at":"` + id + `"}`}}},
		{Role: RoleTool, Content: "result " + id, ToolCallID: id},
		say(RoleAssistant, fmt.Sprintf("answer %d", n)),
	}
}

// texts returns what each message of the nth request says.
func (s *fixture) texts(n int) []string {
	var texts []string
	for _, m := range s.requests()[n].Messages {
		text := m.Role + ": " + m.Content
		for _, call := range m.ToolCalls {
			text += call.ID + " " + call.Function.Name + call.Function.Arguments
		}
		texts = append(texts, text)
	}
	return texts
}

func TestHistoryIsPartOfThePrompt(t *testing.T) {
	t.Parallel()
	s := setup(t, Config{})
	for _, request := range []Request{
		{Instructions: "Be kind.", History: look(1), Text: "and now?"},
		{Instructions: "Be kind.", History: append(look(1), say(RoleUser, "and now?"))},
	} {
		if _, err := s.agent.Run(t.Context(), request); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"system: Be kind.", "user: question 1", `assistant: call-1 look{"at":"call-1"}`, "tool: result call-1",
		"assistant: answer 1", "user: and now?",
	}
	for n := range 2 {
		if diff := cmp.Diff(want, s.texts(n)); diff != "" {
			t.Errorf("request %d (-want +got):\n%s", n, diff)
		}
	}
}

// TestHistoryIsCleaned holds that what a client makes up does not make a provider refuse
// the request.
func TestHistoryIsCleaned(t *testing.T) {
	t.Parallel()
	s := setup(t, Config{})
	_, err := s.agent.Run(t.Context(), Request{Text: "hi", History: []Message{
		{Role: RoleAssistant, ToolCalls: []ToolCall{{ID: "a", Name: "look!", Arguments: "{"}}},
		{Role: RoleTool, ToolCallID: "a"},
	}})
	want := []string{"assistant: a look_{}", "tool: The tool succeeded and returned nothing.", "user: hi"}
	if diff := cmp.Diff(want, s.texts(0)); err != nil || diff != "" {
		t.Errorf("Run = %v; request (-want +got):\n%s", err, diff)
	}
}

func TestHistoryThatIsTooLong(t *testing.T) {
	t.Parallel()
	var long []Message
	for n := range 8 {
		long = append(long, look(n)...)
	}
	const refusal = `400{"error":{"message":"Too many.","code":"context_length_exceeded"}}`
	answer := events(delta(`{"content":"Hello"}`), stop, done)
	for name, tc := range map[string]struct {
		history []Message
		text    string
		want    [][]string // the first words of the prompts
	}{
		"halved until it fits": {long, "now?", [][]string{{"question 0"}, {"question 4"}, {"question 6"}, {"question 7"}}},
		"left out wholly":      {look(0), "now?", [][]string{{"question 0"}, {"now?"}, {"now?"}, {"now?"}}},
		"with what the system says": {
			append([]Message{say(RoleSystem, "Be brief.")}, long...), "now?",
			[][]string{
				{"Be brief.", "question 0"}, {"Be brief.", "question 4"},
				{"Be brief.", "question 6"}, {"Be brief.", "question 7"},
			},
		},
		"not the question": {append(look(0), look(1)...), "", [][]string{{"question 0"}, {"question 1"}, {}, {}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, streamed := range []bool{false, true} {
				script := []string{refusal, refusal, refusal, answer}
				if !streamed {
					script[3] = `{"choices":[{"message":{"content":"Hello"}}]}`
				}
				s := scripted(t, Config{}, script...)
				request := Request{History: tc.history, Text: tc.text}
				if streamed {
					request.Observe = func(Event) {}
				}
				got, err := s.agent.Run(t.Context(), request)
				asked := s.requests()
				for n, want := range tc.want {
					if n >= len(asked) {
						break
					}
					for i, text := range want {
						if said := asked[n].Messages[i].Content; said != text {
							t.Errorf("request %d has the message %q; want %q", n, said, text)
						}
					}
				}
				fits := name == "halved until it fits" || name == "with what the system says"
				if fits && (err != nil || got.Reply != "Hello" || !got.Shortened) {
					t.Errorf("Run = %+v, %v; want an answer to a shortened history", got, err)
				}
				failure, ok := errors.AsType[*Error](err)
				if !fits && (!ok || failure.Kind != TooLong || len(asked) != 2) {
					t.Errorf("Run = %v after %d requests; want TooLong after 2", err, len(asked))
				}
			}
		})
	}
}

// TestEveryCallIsAnsweredInAShortenedHistory lets the offline model look at what is left.
func TestEveryCallIsAnsweredInAShortenedHistory(t *testing.T) {
	t.Parallel()
	h := newHistory(Request{History: append(append(look(1), look(2)[1:]...), look(3)...), Text: "hi"})
	for h.halve() {
		answered := map[string]bool{}
		for _, m := range h.messages {
			for _, call := range m.ToolCalls {
				answered[call.ID] = false
			}
			if _, called := answered[m.ToolCallID]; m.ToolCallID != "" && !called {
				t.Errorf("the call %s of a result is missing", m.ToolCallID)
			}
			answered[m.ToolCallID] = true
		}
		for id, ok := range answered {
			if !ok {
				t.Errorf("the result of %s is missing", id)
			}
		}
	}
	if len(h.messages) != 0 {
		t.Errorf("in the end %d messages are left; want none", len(h.messages))
	}
}

// TestSignaturesInHistory holds that they are given back with the calls that they came
// with, whether those are of this run or of earlier ones.
func TestSignaturesInHistory(t *testing.T) {
	t.Parallel()
	for _, streamed := range []bool{false, true} {
		s := setup(t, Config{Model: "offline?tools=gemini", Tools: []Tool{clockThat(works)}})
		request := Request{Text: "hi"}
		if streamed {
			request.Observe = func(Event) {}
		}
		for range 3 {
			answer, err := s.agent.Run(t.Context(), request)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range answer.Messages {
				for _, call := range m.ToolCalls {
					if !strings.Contains(string(call.Extra), "thought_signature") {
						t.Errorf("the call %+v has no signature", call)
					}
				}
			}
			request.History = append(append(request.History, say(RoleUser, request.Text)), answer.Messages...)
		}
		checkSignatures(t, s)
	}
}

// checkSignatures holds that a call has the same signature in each request.
func checkSignatures(t *testing.T, s *fixture) {
	t.Helper()
	signatures := map[string]string{}
	for _, body := range s.bodies {
		var request struct {
			Messages []struct {
				ToolCalls []struct {
					ID    string
					Extra json.RawMessage `json:"extra_content"`
				} `json:"tool_calls"`
			}
		}
		if err := json.Unmarshal(body, &request); err != nil {
			t.Fatal(err)
		}
		for _, m := range request.Messages {
			for _, call := range m.ToolCalls {
				if before, ok := signatures[call.ID]; call.Extra == nil || ok && before != string(call.Extra) {
					t.Errorf("call %s is sent with %s; want %s", call.ID, call.Extra, before)
				}
				signatures[call.ID] = string(call.Extra)
			}
		}
	}
	if len(signatures) != 9 {
		t.Errorf("%d calls were sent; want 9 with ids of their own", len(signatures))
	}
}

// TestSignaturesThatComeAlone has a signature in a piece of its own, as Gemini sends it.
func TestSignaturesThatComeAlone(t *testing.T) {
	t.Parallel()
	s := scripted(t, Config{}, events(
		calls(`{"id":"a","function":{"name":"look","arguments":"{}"}}`),
		calls(`{"extra_content":{"google":{"thought_signature":"s"}}}`), stop, done))
	answer, _, err := s.stream(t.Context(), Request{Text: "hi", Tools: []Tool{{Name: "look"}}})
	signature := json.RawMessage(`{"google":{"thought_signature":"s"}}`)
	want := []ToolCall{{ID: "a", Name: "look", Arguments: "{}", Extra: signature}}
	if diff := cmp.Diff(want, answer.Calls); err != nil || diff != "" {
		t.Errorf("Run = %v; calls (-want +got):\n%s", err, diff)
	}
}

// TestThoughtsGoBackWithCalls holds what DeepSeek demands.
func TestThoughtsGoBackWithCalls(t *testing.T) {
	t.Parallel()
	s := scripted(t, Config{Tools: []Tool{clockThat(works)}},
		events(delta(`{"reasoning_content":"let me"}`), delta(`{"reasoning_content":" look"}`),
			calls(`{"index":0,"id":"a","function":{"name":"get_current_time","arguments":"{}"}}`), stop, done),
		events(delta(`{"reasoning_content":"noon"}`), delta(`{"content":"It is noon."}`), stop, done))
	answer, seen, err := s.stream(t.Context(), Request{Text: "hi"})
	if err != nil || answer.Reply != "It is noon." || seen.text() != answer.Reply {
		t.Fatalf("Run = %+v, %v", answer, err)
	}
	if got := s.requests()[1].Messages[1].ReasoningContent; got != "let me look" {
		t.Errorf("the thoughts went back as %q", got)
	}
}

func TestIDsOfHistoryAreNotGivenAgain(t *testing.T) {
	t.Parallel()
	s := scripted(t, Config{MaxTurns: 1, Tools: []Tool{clockThat(func(context.Context, json.RawMessage) (string, error) {
		return "noon", nil
	})}}, events(calls(`{"id":"call-1","function":{"name":"get_current_time"}}`), stop, done))
	answer, _, _ := s.stream(t.Context(), Request{History: look(1), Text: "hi"})
	if len(answer.Messages) != 2 || answer.Messages[0].ToolCalls[0].ID == "call-1" ||
		answer.Messages[1].ToolCallID != answer.Messages[0].ToolCalls[0].ID {
		t.Errorf("messages = %+v; want another id than that of the history", answer.Messages)
	}
}
