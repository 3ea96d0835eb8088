package offline

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/sashabaranov/go-openai"
)

// request has the fields of a request that the model reads. It ignores the others.
type request struct {
	Model         string                         `json:"model"`
	Messages      []openai.ChatCompletionMessage `json:"messages"`
	Tools         []openai.Tool                  `json:"tools"`
	Stream        bool                           `json:"stream"`
	StreamOptions openai.StreamOptions           `json:"stream_options"`

	body []byte
}

func (s *server) readRequest(w http.ResponseWriter, r *http.Request) (*request, *apiError) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.opts.MaxBodyBytes))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, newError(http.StatusRequestEntityTooLarge, "", "The request is larger than %d bytes", tooLarge.Limit)
	case err != nil:
		return nil, badRequest("The request could not be read: %v", err)
	}
	if hasTooMany(body) {
		return nil, badRequest("The request has more than %d values", maxValues)
	}
	req := &request{body: body}
	if err := json.Unmarshal(body, req); err != nil {
		return nil, badRequest("The request is not the JSON of a chat completion: %v", err)
	}
	if req.Model == "" {
		return nil, badRequest("model is missing")
	}
	if len(req.Messages) == 0 {
		return nil, badRequest("messages must not be empty")
	}
	return req, checkToolMessages(req.Messages)
}

// maxValues is how many objects, lists, names and other values a request may have. A
// value of a few bytes costs hundreds when it is decoded.
const maxValues = 5_000

// hasTooMany reports whether the JSON has more than maxValues values, up to the first
// mistake in it.
func hasTooMany(body []byte) bool {
	decoder := jsontext.NewDecoder(bytes.NewBuffer(body), // as lenient as encoding/json
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for range maxValues {
		if _, err := decoder.ReadToken(); err != nil {
			return false
		}
	}
	return true
}

// checkToolMessages enforces OpenAI's rules, that every tool call is answered by
// its id before any other message, and that every answer has a call; and vLLM's
// rule that the arguments of calls in the history are JSON.
func checkToolMessages(messages []openai.ChatCompletionMessage) *apiError {
	var open []string
	for i, m := range messages {
		if m.Role == openai.ChatMessageRoleTool {
			at := slices.Index(open, m.ToolCallID)
			if at < 0 {
				return badRequest("messages[%d]: no tool call has the id %q, or it is answered already", i, m.ToolCallID)
			}
			open = slices.Delete(open, at, at+1)
			continue
		}
		if len(open) > 0 {
			return badRequest("messages[%d]: the tool calls %q are not answered yet", i, open)
		}
		for _, call := range m.ToolCalls {
			if call.ID == "" || slices.Contains(open, call.ID) || call.Type != openai.ToolTypeFunction {
				return badRequest("messages[%d]: a tool call needs an id of its own and the type function", i)
			}
			if !json.Valid([]byte(call.Function.Arguments)) {
				return badRequest("messages[%d]: the arguments of tool call %q are not JSON", i, call.ID)
			}
			open = append(open, call.ID)
		}
	}
	if len(open) > 0 {
		return badRequest("the tool calls %q are not answered", open)
	}
	return nil
}

// instructions returns the text of all system messages.
func (r *request) instructions() string {
	var b strings.Builder
	for _, m := range r.Messages {
		if m.Role == openai.ChatMessageRoleSystem || m.Role == openai.ChatMessageRoleDeveloper {
			b.WriteString(text(m) + "\n")
		}
	}
	return b.String()
}

// lastUser returns the index of the user's last message, or -1.
func (r *request) lastUser() int {
	for i, m := range slices.Backward(r.Messages) {
		if m.Role == openai.ChatMessageRoleUser {
			return i
		}
	}
	return -1
}

// toolTurns counts the turns with tool calls since the user's last message.
func (r *request) toolTurns() int {
	n := 0
	for _, m := range r.Messages[r.lastUser()+1:] {
		if len(m.ToolCalls) > 0 {
			n++
		}
	}
	return n
}

// toolResults returns the tools' answers with which the conversation ends.
func (r *request) toolResults() []string {
	var results []string
	for _, m := range slices.Backward(r.Messages) {
		if m.Role != openai.ChatMessageRoleTool {
			break
		}
		results = append(results, text(m))
	}
	slices.Reverse(results)
	return results
}

func (r *request) offers(tool string) bool {
	return slices.ContainsFunc(r.Tools, func(t openai.Tool) bool { return t.Function != nil && t.Function.Name == tool })
}

func text(m openai.ChatCompletionMessage) string {
	parts := []string{m.Content}
	for _, part := range m.MultiContent {
		parts = append(parts, part.Text)
	}
	return strings.Join(parts, "")
}
