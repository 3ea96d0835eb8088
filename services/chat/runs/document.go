package runs

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"daca/services/internal/plainjson"
)

// State is what has become of a run.
type State string

// The states of a run.
const (
	Running    State = "running"
	Publishing State = "publishing" // the answer is there, and what it leads to is under way
	Answered   State = "answered"
	Stopped    State = "stopped"
	Failed     State = "failed"
)

// Final reports whether a run in the state has ended.
func (s State) Final() bool { return s == Answered || s == Stopped || s == Failed }

// Info is what is known of a run.
type Info struct {
	ID        string
	UserID    string
	SessionID string
	State     State
	Started   time.Time
	Ended     time.Time // zero before that
	// Died tells that the run failed because the replica that ran it died. It has led to
	// nothing: the same message can be answered by another run.
	Died bool
	// Last is the last entry, in a final State.
	Last *Entry
}

// document is what the state store has of a run, apart from sealed entries:
//
//	{
//	  "version": 1, "run_id": "5f0c…", "user_id": "alice", "session_id": "s1",
//	  "state": "running", "owner": "b1d2…", "attempt": 1, "started": "2026-01-02T12:00:00Z",
//	  "sealed": [12, 24],
//	  "entries": [{"kind": "token", "text": "Hello, "}]
//	}
//
// Owner is the replica that may write it; another one that takes over writes its own id
// with the ETag of what it read, so that the old one's writes fail from then on. Sealed
// says of each segment how many entries there are up to its end. Stop asks the owner to
// stop the run. Outcome is there from the state publishing on.
type document struct {
	Version   int       `json:"version"`
	RunID     string    `json:"run_id"`
	UserID    string    `json:"user_id"`
	SessionID string    `json:"session_id"`
	State     State     `json:"state"`
	Owner     string    `json:"owner"`
	Attempt   int       `json:"attempt"`
	Begins    int       `json:"begins,omitempty"` // the entry with which the attempt begins
	Started   time.Time `json:"started"`
	Ended     time.Time `json:"ended,omitzero"`
	Stop      bool      `json:"stop,omitempty"`
	Died      bool      `json:"died,omitempty"`
	Sealed    []int     `json:"sealed,omitempty"`
	Entries   []Entry   `json:"entries"`
	Outcome   *Outcome  `json:"outcome,omitempty"`
}

const documentVersion = 1

// segment holds entries that will not change any more. It is written once, before the
// document that says that there is one.
type segment struct {
	Entries []Entry `json:"entries"`
}

func (d *document) info() Info {
	i := Info{
		ID: d.RunID, UserID: d.UserID, SessionID: d.SessionID, State: d.State,
		Started: d.Started, Ended: d.Ended, Died: d.Died,
	}
	if d.State.Final() && d.Outcome != nil {
		i.Last = &d.Outcome.Last
	}
	return i
}

func decodeDocument(value []byte) (*document, error) {
	d := &document{}
	if err := json.Unmarshal(value, d); err != nil {
		return nil, fmt.Errorf("decoding a run: %w", err)
	}
	switch {
	case d.Version > documentVersion:
		return nil, fmt.Errorf("decoding a run: version %d is newer than this service", d.Version)
	case d.State == "" || d.Owner == "" || d.State != Running && d.Outcome == nil:
		return nil, errors.New("decoding a run: the document is incomplete")
	}
	return d, nil
}

// decodeSegment returns the entries of a segment, and none if it is lost or damaged.
func decodeSegment(value []byte) []Entry {
	var s segment
	if json.Unmarshal(value, &s) != nil {
		return nil
	}
	return s.Entries
}

// withStop returns the document with the wish to stop the run. It keeps members that it
// does not know.
func withStop(value []byte) ([]byte, error) {
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(value, &members); err != nil {
		return nil, fmt.Errorf("decoding a run: %w", err)
	}
	members["stop"] = json.RawMessage("true")
	return plainjson.Marshal(members)
}
