package agent

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sashabaranov/go-openai"
)

// Roles of messages.
const (
	RoleSystem    = openai.ChatMessageRoleSystem
	RoleUser      = openai.ChatMessageRoleUser
	RoleAssistant = openai.ChatMessageRoleAssistant
	RoleTool      = openai.ChatMessageRoleTool
)

// Message is one message of a conversation. Its JSON is what sessions keep:
//
//	{"role": "assistant", "tool_calls": [{"id": "c1", "name": "get_current_time", "arguments": "{}"}]}
//	{"role": "tool", "tool_call_id": "c1", "content": "2026-01-02 12:00:00 UTC"}
type Message struct {
	Role       string     `json:"role"`
	Content    string     `json:"content,omitempty"`
	ToolCalls  []ToolCall `json:"tool_calls,omitempty"`   // of an assistant
	ToolCallID string     `json:"tool_call_id,omitempty"` // of the call that a tool answers
}

// ToolCall is a call of a tool by the model.
type ToolCall struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Arguments string `json:"arguments"` // a JSON object
	// Extra is what the provider wants back with the call. Gemini has a signature there.
	Extra json.RawMessage `json:"extra_content,omitempty"`
}

// Usage is what a run has cost, in tokens, as far as the provider says it.
type Usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	TotalTokens      int `json:"total_tokens"`
}

// Add adds what another request to the model has cost.
func (u *Usage) Add(more Usage) {
	u.PromptTokens += more.PromptTokens
	u.CompletionTokens += more.CompletionTokens
	u.TotalTokens += more.TotalTokens
}

// forModel returns the message as the protocol has it.
func (m Message) forModel() openai.ChatCompletionMessage {
	out := openai.ChatCompletionMessage{Role: m.Role, Content: m.Content, ToolCallID: m.ToolCallID}
	if m.Role == RoleTool {
		out.Content = resultOf(m.Content)
	}
	for _, call := range m.ToolCalls {
		out.ToolCalls = append(out.ToolCalls, openai.ToolCall{
			ID: call.ID, Type: openai.ToolTypeFunction,
			Function: openai.FunctionCall{Name: call.Name, Arguments: call.Arguments},
		})
	}
	return clean(out)
}

// clean returns the message in a form that every provider accepts in the history. Bad
// arguments become an empty object: some servers answer 400 to arguments that are not
// JSON, and the tool's result quotes them. OpenAI answers 400 to a name that it would
// not accept for a tool.
func clean(m openai.ChatCompletionMessage) openai.ChatCompletionMessage {
	m.ToolCalls = slices.Clone(m.ToolCalls)
	for i := range m.ToolCalls {
		call := &m.ToolCalls[i]
		call.Index = nil
		call.Type = openai.ToolTypeFunction
		call.Function.Name = ToolName(call.Function.Name)
		if args, err := parseArguments(call.Function.Arguments); err == nil {
			call.Function.Arguments = string(args)
		} else {
			call.Function.Arguments = "{}"
		}
	}
	return m
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

// shorten returns the beginning of text, of at most limit bytes and of whole characters.
func shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
