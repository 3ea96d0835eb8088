package agent

import (
	"slices"

	"github.com/sashabaranov/go-openai"
)

// history is the part of a prompt that can be left out, oldest messages first.
type history struct {
	messages []openai.ChatCompletionMessage
	// question is whether the last exchange holds what is to be answered. It then stays.
	question bool
}

func newHistory(request Request) history {
	h := history{question: request.Text == ""}
	for _, m := range request.History {
		h.messages = append(h.messages, m.forModel())
	}
	return h
}

// halve leaves out the oldest exchanges, until half of the text is left or less. Exchanges
// stay whole, and so a call and its results stay together. What the system says stays
// too. It returns false if there is nothing to leave out.
func (h *history) halve() bool {
	cuts := h.cuts()
	if len(cuts) == 0 {
		return false
	}
	half := sizeOf(h.messages) / 2
	cut := cuts[len(cuts)-1]
	for _, at := range cuts {
		if sizeOf(h.messages[at:]) <= half {
			cut = at
			break
		}
	}
	kept := slices.DeleteFunc(slices.Clone(h.messages[:cut]), func(m openai.ChatCompletionMessage) bool {
		return !isSystem(m)
	})
	h.messages = slices.Concat(kept, h.messages[cut:])
	return true
}

// cuts returns where the messages may begin when older ones are left out: where a user
// speaks, or behind all of them.
func (h *history) cuts() []int {
	var cuts []int
	old := false // whether there is something to leave out before i
	for i, m := range h.messages {
		if old && m.Role == RoleUser {
			cuts = append(cuts, i)
		}
		old = old || !isSystem(m)
	}
	if old && !h.question {
		cuts = append(cuts, len(h.messages))
	}
	return cuts
}

func isSystem(m openai.ChatCompletionMessage) bool {
	return m.Role == RoleSystem || m.Role == openai.ChatMessageRoleDeveloper
}

// sizeOf returns the bytes of text of the messages.
func sizeOf(messages []openai.ChatCompletionMessage) int {
	size := 0
	for _, m := range messages {
		size += len(m.Content)
		for _, call := range m.ToolCalls {
			size += len(call.Function.Name) + len(call.Function.Arguments)
		}
	}
	return size
}
