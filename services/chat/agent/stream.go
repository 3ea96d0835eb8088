package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sashabaranov/go-openai"
	"github.com/tmaxmax/go-sse"
)

// chunk is one event of a streamed answer. Unlike go-openai's type it has the error that
// may come instead, and the extra_content of tool calls.
type chunk struct {
	Choices []struct {
		Index int `json:"index"`
		Delta struct {
			Content   content     `json:"content"`
			Refusal   string      `json:"refusal"`
			Reasoning string      `json:"reasoning_content"`
			ToolCalls []callDelta `json:"tool_calls"`
		} `json:"delta"`
		FinishReason openai.FinishReason `json:"finish_reason"`
	} `json:"choices"`
	Usage *openai.Usage   `json:"usage"`
	Error json.RawMessage `json:"error"`
}

// content is a text, or a list of parts of which some are texts.
type content string

// UnmarshalJSON joins the parts.
func (c *content) UnmarshalJSON(b []byte) error {
	if len(b) == 0 || b[0] != '[' {
		return json.Unmarshal(b, (*string)(c))
	}
	var parts []struct {
		Text string `json:"text"`
	}
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	for _, part := range parts {
		*c += content(part.Text)
	}
	return nil
}

// stream returns the answer that comes as a stream, and passes its text on meanwhile.
// The reply beside an error is what was passed on.
func (c *conversation) stream(ctx context.Context, request openai.ChatCompletionRequest) (reply, error) {
	unread, err := c.client.CreateChatCompletionStream(ctx, request)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = unread.Close() }()
	if c.http.latest.stream == nil {
		return c.readAtOnce()
	}
	defer c.http.latest.stream.Close()
	said := assembly{pass: c.pass}
	err = c.receive(ctx, &said)
	c.usage.Add(said.usage)
	if err != nil {
		return said.passedOn(), err
	}
	if !said.begun {
		return reply{}, &Error{Kind: Unavailable, cause: "the answer has no choices"}
	}
	c.drain()
	return said.reply(), nil
}

// drain reads what may follow the end of an answer, which is next to nothing. A connection
// whose answer was not read to the end is not used again.
func (c *conversation) drain() {
	const patience, most = 100 * time.Millisecond, 4 << 10
	c.patience.Reset(patience)
	_, _ = io.CopyN(io.Discard, c.http.latest.stream, most)
}

// receive reads the stream to its end. A stream whose answer is whole may end in any way.
func (c *conversation) receive(ctx context.Context, said *assembly) error {
	done := false
	for event, err := range sse.Read(c.http.latest.stream, &sse.ReadConfig{MaxEventSize: maxAnswerBytes}) {
		if err != nil && said.finish == "" {
			c.http.latest.broke = isBroken(ctx, err)
			return fmt.Errorf("reading the stream: %w", err)
		}
		if done = err != nil || event.Data == "[DONE]"; done {
			break
		}
		c.patience.Reset(c.agent.cfg.ModelTimeout)
		var part chunk
		if err := json.Unmarshal([]byte(event.Data), &part); err != nil {
			return fmt.Errorf("decoding a chunk of the stream: %w", err)
		}
		if isGiven(part.Error) {
			return c.lateError(part.Error)
		}
		if done = !said.add(part); done {
			break
		}
	}
	if !done && said.finish == "" {
		c.http.latest.broke = true
		return errors.New("the stream ended before the answer did")
	}
	return nil
}

// readAtOnce returns an answer that came whole though a stream was asked for.
func (c *conversation) readAtOnce() (reply, error) {
	var whole openai.ChatCompletionResponse
	if err := json.Unmarshal(c.http.latest.body, &whole); err != nil {
		return reply{}, fmt.Errorf("decoding the answer: %w", err)
	}
	said, err := c.read(whole)
	if err == nil {
		c.pass(said.Content)
	}
	return said, err
}

// lateError returns the error that a provider sends after a status of 200. It makes up
// the status with which the same error could have come.
func (c *conversation) lateError(object json.RawMessage) error {
	failure := &openai.APIError{}
	if err := json.Unmarshal(object, failure); err != nil {
		failure = &openai.APIError{Message: string(object)}
	}
	c.http.latest.status = statusOf(failure)
	return fmt.Errorf("an error in the answer: %w", failure)
}

// statusOf returns the status that belongs to an error. Its code may be the status; OpenAI
// has texts for codes and types.
func statusOf(failure *openai.APIError) int {
	code := fmt.Sprint(failure.Code)
	if status, err := strconv.Atoi(code); err == nil && 400 <= status && status <= 599 {
		return status
	}
	for _, known := range []struct {
		word   string
		status int
	}{
		{"rate_limit", http.StatusTooManyRequests},
		{"insufficient_quota", http.StatusTooManyRequests},
		{"api_key", http.StatusUnauthorized},
		{"authentication", http.StatusUnauthorized},
		{"permission", http.StatusForbidden},
		{"context_length", http.StatusBadRequest},
		{"invalid_request", http.StatusBadRequest},
		{"bad_request", http.StatusBadRequest},
		{"badrequest", http.StatusBadRequest},
		{"overloaded", http.StatusServiceUnavailable},
	} {
		if strings.Contains(strings.ToLower(code+" "+failure.Type), known.word) {
			return known.status
		}
	}
	return http.StatusInternalServerError
}
