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
	for _, c := range chunks(whole, withUsage, b) {
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
			if b.tools != "gemini" {
				call.Index = &i
			}
			add(delta{ToolCalls: []toolCall{call}}, "")
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
