package runs

import (
	"encoding/json"
	"fmt"

	"daca/services/internal/plainjson"
)

// Kind says what an entry of a run tells. It is the name of the event in a stream.
type Kind string

// The kinds of entries.
const (
	Token      Kind = "token"       // a part of the text
	Reset      Kind = "reset"       // the turn in progress starts over: its text so far is dropped
	ToolCall   Kind = "tool_call"   // the model calls a tool
	ToolResult Kind = "tool_result" // a tool has answered

	// Each run has one of these, as its last entry.
	Message Kind = "message" // the answer
	Cut     Kind = "stopped" // what there was of the answer when somebody stopped the run
	Error   Kind = "error"   // why there is no answer
)

// Entry is one entry of the log of a run:
//
//	{"kind": "token", "text": "Hello, "}
//	{"kind": "tool_result", "data": {"id": "c1", "name": "get_current_time", "result": "…", "duration_ms": 1}}
type Entry struct {
	Kind Kind            `json:"kind"`
	Text string          `json:"text,omitempty"` // of a Token
	Data json.RawMessage `json:"data,omitempty"` // of all others
}

// NewEntry returns an entry of any kind but Token, with data as its JSON.
func NewEntry(kind Kind, data any) (Entry, error) {
	encoded, err := plainjson.Marshal(data)
	if err != nil {
		return Entry{}, fmt.Errorf("encoding an entry %q: %w", kind, err)
	}
	return Entry{Kind: kind, Data: encoded}, nil
}

// size is about how many bytes the entry takes in a document.
func (e Entry) size() int {
	const fixed = 32
	return fixed + len(e.Text) + len(e.Data)
}

// Failure is the data of an Error entry: the status and the detail that an answer
// without a stream would have.
type Failure struct {
	Status int `json:"status"`
	Detail any `json:"detail"`
}

// Outcome is how a run ends.
type Outcome struct {
	State State `json:"state"` // Answered, Stopped or Failed
	// Last is the last entry. If there are Effects, it is the Settle function that knows it.
	Last Entry `json:"last"`
	// Effects are what a Settle function needs, in any process. Nil: there is nothing to do.
	Effects json.RawMessage `json:"effects,omitempty"`
}

// Fail returns the outcome of a run that failed.
func Fail(status int, detail any) Outcome {
	last, err := NewEntry(Error, Failure{status, detail})
	if err != nil { // the detail cannot be encoded
		last = Entry{Kind: Error, Data: json.RawMessage(fmt.Sprintf(`{"status":%d,"detail":""}`, status))}
	}
	return Outcome{State: Failed, Last: last}
}
