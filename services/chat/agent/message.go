package agent

import "github.com/sashabaranov/go-openai"

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

// Request is what an agent is to answer.
type Request struct {
	Instructions string // the system prompt
	// History are the earlier messages of the conversation, oldest first. A message with
	// tool calls is followed by the result of each.
	History []Message
	// Text is what the user says. If it is empty, the last message of History is to be
	// answered.
	Text string
}

// Answer is what a run of an agent came to.
type Answer struct {
	Reply string // never blank
	// Messages are what the model and its tools said, in order. The last one is the reply.
	Messages []Message
	Usage    Usage
}

// prompt returns the messages with which a run begins.
func prompt(request Request) []openai.ChatCompletionMessage {
	messages := []openai.ChatCompletionMessage{{Role: RoleSystem, Content: request.Instructions}}
	for _, m := range request.History {
		messages = append(messages, m.forModel())
	}
	if request.Text != "" {
		messages = append(messages, openai.ChatCompletionMessage{Role: RoleUser, Content: request.Text})
	}
	return messages
}

// forModel returns the message as the protocol has it.
func (m Message) forModel() openai.ChatCompletionMessage {
	out := openai.ChatCompletionMessage{Role: m.Role, Content: m.Content, ToolCallID: m.ToolCallID}
	for _, call := range m.ToolCalls {
		out.ToolCalls = append(out.ToolCalls, openai.ToolCall{
			ID: call.ID, Type: openai.ToolTypeFunction,
			Function: openai.FunctionCall{Name: call.Name, Arguments: call.Arguments},
		})
	}
	return out
}

// ownMessages returns the messages as sessions keep them.
func ownMessages(said []openai.ChatCompletionMessage) []Message {
	messages := make([]Message, len(said))
	for i, m := range said {
		messages[i] = Message{Role: m.Role, Content: textOf(m), ToolCallID: m.ToolCallID}
		for _, call := range m.ToolCalls {
			messages[i].ToolCalls = append(messages[i].ToolCalls, ToolCall{
				ID: call.ID, Name: call.Function.Name, Arguments: call.Function.Arguments,
			})
		}
	}
	return messages
}
