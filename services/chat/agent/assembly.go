package agent

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/sashabaranov/go-openai"
)

// callDelta is a piece of a tool call, or the whole of it.
type callDelta struct {
	openai.ToolCall
	Extra json.RawMessage `json:"extra_content"`
}

// callParts is what there is of a call.
type callParts struct {
	openai.ToolCall
	arguments strings.Builder
	extra     json.RawMessage
}

// isWhole reports whether the arguments are complete.
func (p *callParts) isWhole() bool { return isWhole(p.arguments.String()) }

func isWhole(arguments string) bool {
	return strings.HasSuffix(strings.TrimSpace(arguments), "}") && isObject(json.RawMessage(arguments))
}

// assembly puts a streamed answer together.
type assembly struct {
	pass   func(text string) // passes a piece of the text on
	text   strings.Builder
	passed int             // bytes of the text that were passed on
	spoken bool            // whether there is more than blanks
	think  strings.Builder // what the model thinks; DeepSeek wants it back with tool calls
	calls  []*callParts
	size   int // bytes of the names and arguments of calls
	usage  Usage
	finish openai.FinishReason
	begun  bool // whether there was a choice
}

// add takes the next chunk. It returns false if the answer is longer than it may be.
func (a *assembly) add(part chunk) bool {
	if u := part.Usage; u != nil { // some send what it is so far with each chunk
		a.usage = Usage{u.PromptTokens, u.CompletionTokens, u.TotalTokens}
	}
	for _, choice := range part.Choices {
		if choice.Index != 0 {
			continue
		}
		a.begun = true
		if choice.FinishReason != openai.FinishReasonNull && choice.FinishReason != "" {
			a.finish = choice.FinishReason
		}
		a.think.WriteString(shorten(choice.Delta.Reasoning, maxSaid-a.think.Len()))
		for _, delta := range choice.Delta.ToolCalls {
			a.addCall(delta)
		}
		if !a.addText(string(choice.Delta.Content)+choice.Delta.Refusal) || a.size > maxSaid {
			a.finish = openai.FinishReasonLength
			return false
		}
	}
	return len(a.calls) <= maxToolCalls
}

// addText passes text on, except for blanks at the beginning: an answer may have nothing
// else. It returns false if there is too much.
func (a *assembly) addText(text string) bool {
	fits := len(text) <= maxSaid-a.text.Len()
	text = shorten(text, maxSaid-a.text.Len())
	a.text.WriteString(text)
	a.spoken = a.spoken || strings.TrimSpace(text) != ""
	if a.spoken {
		piece := a.text.String()[a.passed:]
		a.passed += len(piece)
		a.pass(piece)
	}
	return fits
}

// addCall takes a piece of a call.
func (a *assembly) addCall(delta callDelta) {
	call := a.callOf(delta)
	if call == nil {
		call = &callParts{ToolCall: openai.ToolCall{Index: delta.Index, Type: openai.ToolTypeFunction}}
		a.calls = append(a.calls, call)
	}
	call.ID = cmp.Or(call.ID, delta.ID)
	call.Function.Name = cmp.Or(call.Function.Name, delta.Function.Name)
	call.arguments.WriteString(delta.Function.Arguments)
	a.size += len(delta.Function.Name) + len(delta.Function.Arguments)
	if isGiven(delta.Extra) {
		call.extra = delta.Extra
	}
}

// callOf returns the call that the piece belongs to, or nil if it begins another. OpenAI
// sends an index with each piece, and id and name with the first. Gemini sends no index.
// Ollama sends the same index with all calls of a turn.
func (a *assembly) callOf(delta callDelta) *callParts {
	for _, call := range slices.Backward(a.calls) {
		otherIndex := delta.Index != nil && call.Index != nil && *delta.Index != *call.Index
		otherID := delta.ID != "" && call.ID != "" && delta.ID != call.ID
		switch {
		case otherIndex, otherID && delta.Index == nil:
			continue // it may be of a call before this one
		case otherID, begins(call, delta):
			return nil
		}
		return call
	}
	return nil
}

// begins reports whether a piece with a name begins another call, though its index or its
// place say that it goes on with this one.
func begins(call *callParts, delta callDelta) bool {
	name := delta.Function.Name
	if name == "" || call.Function.Name == "" {
		return false
	}
	if delta.Index == nil && delta.ID == "" {
		return true
	}
	return call.isWhole() && (name != call.Function.Name || isWhole(delta.Function.Arguments))
}

// passedOn returns what was passed on of the text.
func (a *assembly) passedOn() reply {
	return reply{ChatCompletionMessage: openai.ChatCompletionMessage{Content: a.text.String()[:a.passed]}}
}

// reply returns the answer.
func (a *assembly) reply() reply {
	said := reply{finish: a.finish}
	said.Role = RoleAssistant
	said.Content = a.text.String()
	for _, call := range a.calls {
		call.Function.Arguments = call.arguments.String()
		said.ToolCalls = append(said.ToolCalls, call.ToolCall)
		said.extras = append(said.extras, call.extra)
		said.ReasoningContent = a.think.String()
	}
	return said
}
