package offline

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/sashabaranov/go-openai"
)

// chunk is one server-sent event of a streamed answer.
type chunk struct {
	ID      string        `json:"id"`
	Object  string        `json:"object"`
	Created int64         `json:"created"`
	Model   string        `json:"model"`
	Choices []chunkChoice `json:"choices"`
	Usage   *openai.Usage `json:"usage,omitempty"`
}

type chunkChoice struct {
	Index        int                 `json:"index"`
	Delta        delta               `json:"delta"`
	FinishReason openai.FinishReason `json:"finish_reason"` // null before the last chunk
}

type delta struct {
	Role      string     `json:"role,omitempty"`
	Content   string     `json:"content,omitempty"`
	ToolCalls []toolCall `json:"tool_calls,omitempty"`
}

// stream sends the completion as server-sent events, one for each word. It stops
// if the client is gone.
func stream(w http.ResponseWriter, r *http.Request, whole completion, withUsage bool, b behaviour) {
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-cache")
	header.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)

	flusher := http.NewResponseController(w)
	send := func(data string) bool {
		if !wait(r, b.delay) {
			return false
		}
		if _, err := fmt.Fprintf(w, "data: %s\n\n", data); err != nil {
			return false
		}
		return flusher.Flush() == nil
	}
	for i, c := range chunks(whole, withUsage, b) {
		if b.breaksAt(i) {
			breakOff(w, b, send)
			return
		}
		data, err := json.Marshal(c)
		if err != nil {
			return
		}
		if b.body == "broken" {
			send(string(data[:len(data)/2]))
			return
		}
		if !send(string(data)) {
			return
		}
	}
	send("[DONE]")
}

// breaksAt reports whether a stream ends before its chunk i.
func (b *behaviour) breaksAt(i int) bool {
	if b.breakAfter == nil {
		return b.body == "error"
	}
	return i == *b.breakAfter
}

// breakOff ends a stream with an error, or by closing the connection.
func breakOff(w http.ResponseWriter, b behaviour, send func(data string) bool) {
	if b.body != "error" {
		hangUp(w)
		return
	}
	if data, err := json.Marshal(failed()); err == nil {
		send(string(data))
	}
}

// chunks cuts the completion into the events of a stream.
func chunks(whole completion, withUsage bool, b behaviour) []chunk {
	envelope := chunk{
		ID:      whole.ID,
		Object:  "chat.completion.chunk",
		Created: whole.Created,
		Model:   whole.Model,
		Choices: []chunkChoice{},
	}
	all := []chunk{}
	add := func(d delta, finish openai.FinishReason) {
		c := envelope
		c.Choices = []chunkChoice{{Delta: d, FinishReason: finish}}
		all = append(all, c)
	}
	for _, answer := range whole.Choices {
		add(delta{Role: answer.Message.Role}, "")
		if answer.Message.Content != nil {
			for _, word := range strings.SplitAfter(*answer.Message.Content, " ") {
				add(delta{Content: word}, "")
			}
		}
		for i, call := range answer.Message.ToolCalls {
			for _, piece := range pieces(call, i, b) {
				add(delta{ToolCalls: []toolCall{piece}}, "")
			}
		}
		add(delta{}, answer.FinishReason)
	}
	if withUsage || len(all) == 0 {
		last := envelope
		if withUsage {
			last.Usage = &whole.Usage
		}
		all = append(all, last)
	}
	return all
}

// pieces cuts a call as providers do. OpenAI's pieces have an index, and the first has id
// and name; Gemini sends the whole call without an index.
func pieces(call toolCall, i int, b behaviour) []toolCall {
	const length = 8
	switch b.tools {
	case "gemini":
		return []toolCall{call}
	case "ollama":
		call.Index = new(0)
		return []toolCall{call}
	}
	arguments := call.Function.Arguments
	call.Index = &i
	call.Function.Arguments = ""
	all := []toolCall{call}
	for len(arguments) > 0 {
		n := min(length, len(arguments))
		all = append(all, toolCall{Index: &i, Function: function{Arguments: arguments[:n]}})
		arguments = arguments[n:]
	}
	return all
}
