package agent

import (
	"encoding/json"
	"time"
)

// Request is what an agent is to answer.
type Request struct {
	Instructions string // the system prompt; empty is none
	// History are the earlier messages of the conversation, oldest first. A message with
	// tool calls is followed by the result of each. If the model finds it too long, older
	// messages are left out, see Answer.Shortened.
	History []Message
	// Text is what the user says. If it is empty, the last message of History is to be
	// answered.
	Text string
	// Tools are offered beside the agent's own, in this run only. One of the same name
	// replaces the agent's own. One without Execute is the caller's: a call of it ends
	// the run, see Answer.Calls.
	Tools   []Tool
	Options Options
	// Observe receives what happens as it happens, if it is not nil; the model is then
	// asked for a stream. It is called once at a time, in order, and never after Run has
	// returned. It must not block: the run waits for it.
	Observe func(Event)
}

// Options are passed on to the model as they are, under these names. What is not set is
// the provider's choice.
type Options struct {
	Temperature         *float64        `json:"temperature,omitempty"`
	TopP                *float64        `json:"top_p,omitempty"`
	PresencePenalty     *float64        `json:"presence_penalty,omitempty"`
	FrequencyPenalty    *float64        `json:"frequency_penalty,omitempty"`
	MaxTokens           *int            `json:"max_tokens,omitempty"`
	MaxCompletionTokens *int            `json:"max_completion_tokens,omitempty"`
	Stop                json.RawMessage `json:"stop,omitempty"` // a text or a list of texts
	Seed                *int64          `json:"seed,omitempty"`
	ReasoningEffort     string          `json:"reasoning_effort,omitempty"`
	ResponseFormat      json.RawMessage `json:"response_format,omitempty"`
	ParallelToolCalls   *bool           `json:"parallel_tool_calls,omitempty"`
	// ToolChoice holds until the first call of a tool. Otherwise a model that has to call
	// one would never come to an answer.
	ToolChoice json.RawMessage `json:"tool_choice,omitempty"`
}

// limitsTheAnswer reports whether the caller knows that answers may end early.
func (o Options) limitsTheAnswer() bool { return o.MaxTokens != nil || o.MaxCompletionTokens != nil }

// fields returns the options by their names in a request.
func (o Options) fields() (map[string]json.RawMessage, error) {
	object, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	return fields, json.Unmarshal(object, &fields)
}

// Answer is what a run of an agent came to.
type Answer struct {
	// Reply is the text of the last message. It is blank only beside Calls. In the answer
	// that comes with an error it is the beginning of a reply that has no end, or empty.
	Reply string
	// Messages are what the model and its tools said, in order. The last one is the reply.
	// They can be a part of the next History.
	Messages []Message
	// Calls are calls of the caller's tools, with the arguments as the model wrote them.
	// The caller goes on by another run, with the last message and a result for each of
	// them in its History. Other tools that were called in the same turn are not executed:
	// the model calls them again if it still needs them.
	Calls        []ToolCall
	FinishReason string // stop, tool_calls (with Calls), length or content_filter
	Usage        Usage  // of all requests to the model
	Shortened    bool   // whether the model found the History too long, and got less of it
}

// Event is a Token, a ToolCalled or a ToolAnswered.
type Event interface{ event() }

// Token is a piece of what the model says. Text that comes before a ToolCalled is a remark
// and no part of the reply. What follows the last ToolAnswered adds up to Answer.Reply.
type Token struct{ Text string }

// ToolCalled says that the model calls a tool of the agent, or one that does not exist.
type ToolCalled struct{ ToolCall }

// ToolAnswered says what the model is told of a call. Results come as they are there, and
// not in the order of the calls.
type ToolAnswered struct {
	ID     string // of the call
	Name   string
	Result string
	Took   time.Duration
}

func (Token) event()        {}
func (ToolCalled) event()   {}
func (ToolAnswered) event() {}
