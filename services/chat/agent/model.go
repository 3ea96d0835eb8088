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

// maxToolCalls limits the calls of one turn.
const maxToolCalls = 128

// conversation is the dialogue of one Run with the model.
type conversation struct {
	agent  *Agent
	http   *transport
	client *openai.Client
	ids    map[string]bool // of all tool calls so far
	usage  Usage           // of all answers so far
}

func (a *Agent) converse() *conversation {
	t := &transport{http: a.cfg.HTTPClient}
	config := openai.DefaultConfig(a.cfg.APIKey)
	config.HTTPClient = t
	if a.cfg.BaseURL != "" {
		config.BaseURL = a.cfg.BaseURL
	}
	return &conversation{agent: a, http: t, client: openai.NewClientWithConfig(config), ids: map[string]bool{}}
}

// ask returns the model's next message: text that is not blank, or tool calls.
func (c *conversation) ask(
	ctx context.Context, messages []openai.ChatCompletionMessage,
) (openai.ChatCompletionMessage, error) {
	askCtx, cancel := context.WithTimeout(ctx, c.agent.cfg.ModelTimeout)
	defer cancel()
	answer, err := c.complete(askCtx, openai.ChatCompletionRequest{
		Model: c.agent.cfg.Model, Messages: messages, Tools: c.agent.offer,
	})
	if err != nil {
		if ctx.Err() != nil {
			return openai.ChatCompletionMessage{}, fmt.Errorf("asking the model: %w", ctx.Err())
		}
		return openai.ChatCompletionMessage{}, c.failure(ctx, err)
	}
	c.usage.Add(Usage{answer.Usage.PromptTokens, answer.Usage.CompletionTokens, answer.Usage.TotalTokens})
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
	if note := cutOff(answer.Choices[0].FinishReason); note != "" && len(said.ToolCalls) == 0 {
		c.agent.cfg.Logger.WarnContext(ctx, "the model's answer is cut off", "finish_reason", answer.Choices[0].FinishReason)
		said.Content = textOf(said) + "\n\n" + note
		said.MultiContent = nil
	}
	return said, nil
}

// cutOff returns what the user is told of an answer that is not whole.
func cutOff(reason openai.FinishReason) string {
	switch reason {
	case openai.FinishReasonLength:
		return "[The answer is cut off here: it reached the model's limit.]"
	case openai.FinishReasonContentFilter:
		return "[The answer is cut off here: the model provider's filter stopped it.]"
	}
	return ""
}

// identify gives a new id to every call that has none or the id of another call.
func (c *conversation) identify(calls []openai.ToolCall) {
	for i := range calls {
		for n := len(c.ids); calls[i].ID == "" || c.ids[calls[i].ID]; n++ {
			calls[i].ID = fmt.Sprintf("call%05d", n) // Mistral demands nine letters and digits
		}
		c.ids[calls[i].ID] = true
	}
}

// asHistory returns the model's message in a form that every provider accepts in
// the history. Bad arguments become an empty object: some servers answer 400 to
// arguments that are not JSON, and the tool's result quotes them. OpenAI answers 400
// to a name that it would not accept for a tool.
func asHistory(said openai.ChatCompletionMessage) openai.ChatCompletionMessage {
	said.Role = openai.ChatMessageRoleAssistant
	said.ToolCalls = slices.Clone(said.ToolCalls)
	for i := range said.ToolCalls {
		call := &said.ToolCalls[i]
		call.Index = nil
		call.Type = openai.ToolTypeFunction
		call.Function.Name = toolName(call.Function.Name)
		if args, err := parseArguments(call.Function.Arguments); err == nil {
			call.Function.Arguments = string(args)
		} else {
			call.Function.Arguments = "{}"
		}
	}
	return said
}

// failure explains why a request to the model failed. The provider's words go only
// to the log, without the key.
func (c *conversation) failure(ctx context.Context, err error) *Error {
	failure := &Error{Kind: Unavailable, RetryAfter: c.http.latest.retryAfter}
	words := err.Error()
	var (
		apiErr     *openai.APIError
		requestErr *openai.RequestError
		netErr     net.Error
		opErr      *net.OpError
		certErr    *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &requestErr): // first, because it may wrap an empty APIError
		words = string(requestErr.Body)
	case errors.As(err, &apiErr):
		words = apiErr.Message
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		failure.Kind = Timeout
		failure.cause = "no answer in time"
	case !c.http.latest.sent:
		failure.Kind = Rejected
		failure.cause = c.redact(err.Error())
	case errors.As(err, &opErr):
		failure.cause = c.redact(opErr.Error())
	case errors.As(err, &certErr):
		failure.cause = c.redact(certErr.Error())
	case c.http.latest.answered:
		failure.cause = "the answer is not a chat completion, or not a whole one"
	default:
		failure.cause = "the connection broke before there was an answer"
	}
	// go-openai knows the status only if the body has OpenAI's shape.
	if status := c.http.latest.status; status >= http.StatusBadRequest {
		failure.Status = status
		failure.Kind = kindOf(status)
		failure.cause = fmt.Sprintf("the provider answered status %d", status)
		if isTooLong(status, codeOf(err), words) {
			failure.Kind = TooLong
		}
	}
	c.agent.cfg.Logger.WarnContext(ctx, "asking the model failed", "error", failure, "details", c.redact(words))
	return failure
}

// codeOf returns OpenAI's code of an error, or nothing.
func codeOf(err error) string {
	var apiErr *openai.APIError
	if !errors.As(err, &apiErr) {
		return ""
	}
	code, _ := apiErr.Code.(string)
	return code
}

// isTooLong reports whether the provider refused the request because it has more text
// than the model takes. Only OpenAI has a code for it.
func isTooLong(status int, code, words string) bool {
	if status != http.StatusBadRequest && status != http.StatusUnprocessableEntity {
		return status == http.StatusRequestEntityTooLarge
	}
	if code == "context_length_exceeded" || code == "string_above_max_length" {
		return true
	}
	words = strings.ToLower(words)
	return slices.ContainsFunc([]string{
		"context length", "context window", "maximum number of tokens", "maximum context", "prompt is too long",
	}, func(phrase string) bool { return strings.Contains(words, phrase) })
}

// redact removes the API key from what a provider said, and shortens it.
func (c *conversation) redact(s string) string {
	if key := c.agent.cfg.APIKey; key != "" {
		s = strings.ReplaceAll(s, key, "[API key]")
	}
	return fmt.Sprintf("%.500s", s)
}

// textOf returns the text of a message, or its refusal.
func textOf(m openai.ChatCompletionMessage) string {
	var text strings.Builder
	text.WriteString(m.Content)
	for _, part := range m.MultiContent {
		text.WriteString(part.Text)
	}
	return cmp.Or(text.String(), m.Refusal)
}
