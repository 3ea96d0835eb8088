package agent

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/sashabaranov/go-openai"
)

// maxToolCalls bounds what one turn may start at once.
const maxToolCalls = 128

// conversation is the dialogue of one Run with the model.
type conversation struct {
	agent  *Agent
	wire   *wire
	client *openai.Client
	ids    map[string]bool // of all tool calls so far
}

func (a *Agent) converse() *conversation {
	w := &wire{http: a.cfg.HTTPClient}
	config := openai.DefaultConfig(a.cfg.APIKey)
	config.HTTPClient = w
	if a.cfg.BaseURL != "" {
		config.BaseURL = a.cfg.BaseURL
	}
	return &conversation{agent: a, wire: w, client: openai.NewClientWithConfig(config), ids: map[string]bool{}}
}

// ask returns what the model says next: text that is not blank, or tool calls.
func (c *conversation) ask(ctx context.Context, messages []openai.ChatCompletionMessage) (openai.ChatCompletionMessage, error) {
	askCtx, cancel := context.WithTimeout(ctx, c.agent.cfg.ModelTimeout)
	defer cancel()
	answer, err := c.client.CreateChatCompletion(askCtx, openai.ChatCompletionRequest{
		Model: c.agent.cfg.Model, Messages: messages, Tools: c.agent.offer,
	})
	if err != nil {
		if ctx.Err() != nil {
			return openai.ChatCompletionMessage{}, fmt.Errorf("asking the model: %w", ctx.Err())
		}
		return openai.ChatCompletionMessage{}, c.failure(ctx, err)
	}
	if len(answer.Choices) == 0 {
		return openai.ChatCompletionMessage{}, &Error{Kind: Unavailable, cause: "the answer has no choices"}
	}
	said := answer.Choices[0].Message
	if len(said.ToolCalls) == 0 && strings.TrimSpace(textOf(said)) == "" {
		return said, &Error{Kind: Unavailable, cause: "the answer is empty"}
	}
	if len(said.ToolCalls) > maxToolCalls {
		return said, &Error{Kind: Unavailable, cause: fmt.Sprintf("the answer has %d tool calls", len(said.ToolCalls))}
	}
	c.identify(said.ToolCalls)
	return said, nil
}

// identify gives an id to every call that has none or another call's.
func (c *conversation) identify(calls []openai.ToolCall) {
	for i := range calls {
		for n := len(c.ids); calls[i].ID == "" || c.ids[calls[i].ID]; n++ {
			calls[i].ID = fmt.Sprintf("call%05d", n) // nine letters and digits, as Mistral wants it
		}
		c.ids[calls[i].ID] = true
	}
}

// repeatable returns what the model said in the form in which every provider
// takes it back. Bad arguments go as none: some servers answer 400 to history
// that is not JSON, and the tool's result quotes them.
func repeatable(said openai.ChatCompletionMessage) openai.ChatCompletionMessage {
	said.Role = openai.ChatMessageRoleAssistant
	said.ToolCalls = slices.Clone(said.ToolCalls)
	for i := range said.ToolCalls {
		call := &said.ToolCalls[i]
		call.Index, call.Type = nil, openai.ToolTypeFunction
		if args, err := parseArguments(call.Function.Arguments); err == nil {
			call.Function.Arguments = string(args)
		} else {
			call.Function.Arguments = "{}"
		}
	}
	return said
}

// failure explains why the model could not be asked. The provider's words,
// without the key, go to the log only.
func (c *conversation) failure(ctx context.Context, err error) *Error {
	failure := &Error{Kind: Unavailable, RetryAfter: c.wire.retryAfter}
	words := err.Error()
	var (
		apiErr     *openai.APIError
		requestErr *openai.RequestError
		netErr     net.Error
		opErr      *net.OpError
		certErr    *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &requestErr): // it may wrap an APIError that is empty
		words = string(requestErr.Body)
	case errors.As(err, &apiErr):
		words = apiErr.Message
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		failure.Kind, failure.cause = Timeout, "no answer in time"
	case !c.wire.sent:
		failure.Kind, failure.cause = Rejected, c.redact(err.Error())
	case errors.As(err, &opErr):
		failure.cause = c.redact(opErr.Error())
	case errors.As(err, &certErr):
		failure.cause = c.redact(certErr.Error())
	case c.wire.answered:
		failure.cause = "the answer is not a chat completion, or not a whole one"
	default:
		failure.cause = "the connection broke before there was an answer"
	}
	// go-openai knows the status only where the body has OpenAI's shape.
	if c.wire.status >= http.StatusBadRequest {
		failure.Status = c.wire.status
		failure.Kind, failure.cause = kindOf(failure.Status), fmt.Sprintf("the provider answered status %d", failure.Status)
	}
	c.agent.cfg.Logger.WarnContext(ctx, "asking the model failed", "error", failure, "details", c.redact(words))
	return failure
}

// redact removes the API key and shortens what a provider said.
func (c *conversation) redact(s string) string {
	if key := c.agent.cfg.APIKey; key != "" {
		s = strings.ReplaceAll(s, key, "[API key]")
	}
	return fmt.Sprintf("%.500s", s)
}

// textOf returns the text of a message. A refusal is text for the user too.
func textOf(m openai.ChatCompletionMessage) string {
	var text strings.Builder
	text.WriteString(m.Content)
	for _, part := range m.MultiContent {
		text.WriteString(part.Text)
	}
	return cmp.Or(text.String(), m.Refusal)
}
