package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sashabaranov/go-openai"
)

const (
	maxToolCalls = 128     // in one turn
	maxSaid      = 1 << 20 // bytes of text, or of arguments, in one turn
)

// conversation is the dialogue of one Run with the model.
type conversation struct {
	agent     *Agent
	http      *transport
	client    *openai.Client
	offer     []openai.Tool
	limited   bool // whether the caller limits the length of answers
	system    []openai.ChatCompletionMessage
	history   history
	question  []openai.ChatCompletionMessage
	ids       map[string]bool // of all tool calls so far
	usage     Usage           // of all answers so far
	shortened bool            // whether the history is not all of what was given

	observe  func(Event) // nil unless the answer is streamed
	patience *time.Timer // ends a request on which nothing comes any more
	until    time.Time   // when patience ends, if nothing comes
}

// reply is what the model says in one turn.
type reply struct {
	openai.ChatCompletionMessage
	finish openai.FinishReason
	extras []json.RawMessage // extra_content, by tool call
}

// converse begins the conversation that the request is about.
func (a *Agent) converse(request Request, tools toolset) (*conversation, error) {
	options, err := request.Options.fields()
	if err != nil {
		return nil, fmt.Errorf("encoding the options: %w", err)
	}
	t := &transport{http: a.cfg.HTTPClient, options: options, extras: map[string]json.RawMessage{}}
	config := openai.DefaultConfig(a.cfg.APIKey)
	config.HTTPClient = t
	if a.cfg.BaseURL != "" {
		config.BaseURL = a.cfg.BaseURL
	}
	c := &conversation{
		agent: a, http: t, client: openai.NewClientWithConfig(config), offer: tools.offer,
		limited: request.Options.limitsTheAnswer(), history: newHistory(request), ids: map[string]bool{},
	}
	if request.Instructions != "" {
		c.system = []openai.ChatCompletionMessage{{Role: RoleSystem, Content: request.Instructions}}
	}
	if request.Text != "" {
		c.question = []openai.ChatCompletionMessage{{Role: RoleUser, Content: request.Text}}
	}
	for _, m := range request.History {
		for _, call := range m.ToolCalls {
			c.ids[call.ID] = true
			if isGiven(call.Extra) {
				t.extras[call.ID] = call.Extra
			}
		}
	}
	return c, nil
}

// ask returns the model's next message: text that is not blank, or tool calls. The reply
// beside an error is what was passed on of the text.
func (c *conversation) ask(ctx context.Context, said []openai.ChatCompletionMessage) (reply, error) {
	for {
		answer, err := c.askOnce(ctx, said)
		failure, failed := errors.AsType[*Error](err)
		if !failed || failure.Kind != TooLong || answer.Content != "" || !c.history.halve() {
			return answer, err
		}
		c.shortened = true
		c.agent.cfg.Logger.InfoContext(ctx, "asking the model again with less history",
			"messages", len(c.history.messages))
	}
}

func (c *conversation) askOnce(ctx context.Context, said []openai.ChatCompletionMessage) (reply, error) {
	askCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c.until = time.Now().Add(c.agent.cfg.ModelTimeout)
	c.patience = time.AfterFunc(c.agent.cfg.ModelTimeout, func() { cancel(context.DeadlineExceeded) })
	defer c.patience.Stop()
	answer, err := c.complete(askCtx, openai.ChatCompletionRequest{
		Model:    c.agent.cfg.Model,
		Messages: slices.Concat(c.system, c.history.messages, c.question, said),
		Tools:    c.offer,
	})
	if err != nil {
		if ctx.Err() != nil {
			return answer, fmt.Errorf("asking the model: %w", ctx.Err())
		}
		return answer, c.failure(askCtx, err)
	}
	if err := answer.check(); err != nil {
		return answer, err
	}
	c.identify(&answer)
	if len(answer.ToolCalls) > 0 {
		delete(c.http.options, "tool_choice")
		if strings.TrimSpace(answer.Content) == "" {
			answer.Content = "" // some providers refuse blank text in the history
		}
		return answer, nil
	}
	if note := cutOff(answer.finish); note != "" && !c.limited {
		c.agent.cfg.Logger.WarnContext(ctx, "the model's answer is cut off", "finish_reason", answer.finish)
		answer.Content += note
		c.pass(note)
	}
	return answer, nil
}

// pass passes a piece of the reply on.
func (c *conversation) pass(text string) {
	if c.observe != nil && text != "" {
		c.observe(Token{text})
	}
}

// check returns why the reply cannot be used, if it cannot.
func (r *reply) check() error {
	if len(r.ToolCalls) == 0 && strings.TrimSpace(r.Content) == "" {
		return &Error{Kind: Unavailable, cause: "the answer is empty"}
	}
	if len(r.ToolCalls) > maxToolCalls {
		return &Error{Kind: Unavailable, cause: fmt.Sprintf("the answer has %d tool calls", len(r.ToolCalls))}
	}
	size := 0
	for _, call := range r.ToolCalls {
		size += len(call.Function.Name) + len(call.Function.Arguments)
	}
	if size > maxSaid {
		return &Error{Kind: Unavailable, cause: "the arguments of the tool calls are too large"}
	}
	return nil
}

// cutOff returns what the user is told of an answer that is not whole.
func cutOff(reason openai.FinishReason) string {
	switch reason {
	case openai.FinishReasonLength:
		return "\n\n[The answer is cut off here: it reached the model's limit.]"
	case openai.FinishReasonContentFilter:
		return "\n\n[The answer is cut off here: the model provider's filter stopped it.]"
	}
	return ""
}

// identify gives a new id to every call that has none or the id of another call, and
// keeps what the provider wants back with the call.
func (c *conversation) identify(r *reply) {
	for i := range r.ToolCalls {
		call := &r.ToolCalls[i]
		for n := len(c.ids); call.ID == "" || c.ids[call.ID]; n++ {
			call.ID = fmt.Sprintf("call%05d", n) // Mistral demands nine letters and digits
		}
		c.ids[call.ID] = true
		if i < len(r.extras) && isGiven(r.extras[i]) {
			c.http.extras[call.ID] = r.extras[i]
		}
	}
}

// redact removes the API key from what a provider said, and shortens it.
func (c *conversation) redact(s string) string {
	if key := c.agent.cfg.APIKey; key != "" {
		s = strings.ReplaceAll(s, key, "[API key]")
	}
	return fmt.Sprintf("%.500s", s)
}
