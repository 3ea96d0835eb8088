package session

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"daca/services/chat/agent"
	"daca/services/internal/contract"
)

const version = 1 // of the documents

// headBytes is more than a document takes without its turns.
const headBytes = 4 << 10

// Turn is what a user said, and all that the agent said to it.
type Turn struct {
	// ID is that of the message's event, so that a request that is repeated with the same
	// Idempotency-Key, or finished by another replica, is one turn.
	ID       string          `json:"id"`
	Time     time.Time       `json:"time" doc:"When the answer was given, in UTC."`
	Text     string          `json:"text" doc:"What the user said."`
	Messages []agent.Message `json:"messages" doc:"What the agent said, with the tools that it called and their results. The last one is the reply."`
	Stopped  bool            `json:"stopped,omitzero" doc:"The user stopped the answer, which is therefore not whole."`
	// Shortened is set by Append.
	Shortened bool `json:"shortened,omitzero" doc:"The turn was too large to be kept whole."`
}

// document is a session as it is stored:
//
//	{
//	  "version": 1, "revision": 2, "user_id": "alice", "session_id": "s-1", "title": "What time is it?",
//	  "created": "2026-01-02T12:00:00Z", "updated": "2026-01-02T12:00:05Z", "dropped_turns": 0,
//	  "turns": [{
//	    "id": "0f0bd9ec-8a3c-5a0e-8f5a-3c1d2b4e6f70", "time": "2026-01-02T12:00:00Z",
//	    "text": "What time is it?", "messages": [
//	      {"role": "assistant", "tool_calls": [{"id": "c1", "name": "get_current_time", "arguments": "{}"}]},
//	      {"role": "tool", "tool_call_id": "c1", "content": "2026-01-02 12:00:00 UTC"},
//	      {"role": "assistant", "content": "It is noon."}
//	    ]
//	  }, …]
//	}
//
// A session that was deleted leaves a mark until its time is over:
//
//	{"version": 1, "revision": 3, "deleted": true, …}
//
// Otherwise a write that follows the deletion would bring it back: Redis takes any ETag
// for a key that does not exist, and gives a new document the ETags of the old one.
type document struct {
	Version   int             `json:"version"`
	Revision  int             `json:"revision"` // grows with each write, deletion included
	Deleted   bool            `json:"deleted,omitzero"`
	UserID    contract.UserID `json:"user_id"`
	SessionID string          `json:"session_id"`
	Title     string          `json:"title"`
	Created   time.Time       `json:"created"`
	Updated   time.Time       `json:"updated"`
	Dropped   int             `json:"dropped_turns"` // the oldest, because the document became too large
	// Turns are not decoded before somebody needs one: most of them nobody does.
	Turns []jsontext.Value `json:"turns"`
}

func decodeDocument(value []byte) (d document, err error) {
	if len(value) == 0 {
		return document{}, nil
	}
	if err := jsonv2.Unmarshal(value, &d); err != nil {
		return document{}, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	if d.Version != version {
		return document{}, fmt.Errorf("%w: it has version %d", ErrUnreadable, d.Version)
	}
	return d, nil
}

// encode drops the oldest turns of a document that is too large, and encodes it. The
// newest one always fits, see Turn.encode.
func (d *document) encode(maxBytes int) ([]byte, error) {
	size := headBytes
	for _, turn := range d.Turns {
		size += len(turn) + len(",")
	}
	for size > maxBytes && len(d.Turns) > 1 {
		size -= len(d.Turns[0]) + len(",")
		d.Turns = d.Turns[1:]
		d.Dropped++
	}
	value, err := jsonv2.Marshal(d, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return nil, fmt.Errorf("encoding a session: %w", err)
	}
	return value, nil
}

func (d *document) exists() bool { return d.Version > 0 && !d.Deleted }

// begin makes a document that does not exist one whose first turn this is.
func (d *document) begin(user contract.UserID, id string, first Turn) {
	if !d.exists() {
		*d = document{
			Version: version, Revision: d.Revision,
			UserID: user, SessionID: id, Title: Title(first.Text), Created: first.Time,
		}
	}
}

// end makes a document the mark of a session that was deleted.
func (d *document) end() { *d = document{Version: version, Revision: d.Revision + 1, Deleted: true} }

// touch notes that the document changes. Its time never goes back, whatever the clocks of
// the replicas say.
func (d *document) touch(now time.Time) {
	d.Revision++
	if now.After(d.Updated) {
		d.Updated = now
	}
}

// has reports whether the session has the turn.
func (d *document) has(id string) bool {
	for i := len(d.Turns) - 1; i >= 0; i-- {
		var turn struct {
			ID string `json:"id"`
		}
		if jsonv2.Unmarshal(d.Turns[i], &turn) == nil && turn.ID == id {
			return true
		}
	}
	return false
}

// maxTitle is the length of a title, in code points.
const maxTitle = 80

// Title returns a title on one line.
func Title(text string) string {
	line := strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	if runes := []rune(line); len(runes) > maxTitle {
		return strings.TrimSpace(string(runes[:maxTitle-1])) + "…"
	}
	return line
}

// Session is a session with its turns.
type Session struct {
	Summary
	Dropped int    `json:"dropped_turns" doc:"How many of the oldest turns are gone, because the session became too large."`
	Turns   []Turn `json:"turns" doc:"Oldest first."`
}

func (d *document) session() (Session, error) {
	s := Session{Summary: d.entry().Summary, Dropped: d.Dropped, Turns: make([]Turn, len(d.Turns))}
	for i, raw := range d.Turns {
		if err := jsonv2.Unmarshal(raw, &s.Turns[i]); err != nil {
			return Session{}, fmt.Errorf("%w: turn %d: %w", ErrUnreadable, i, err)
		}
	}
	return s, nil
}

func (d *document) entry() entry {
	return entry{Revision: d.Revision, Summary: Summary{
		ID: d.SessionID, Title: d.Title, Created: d.Created, Updated: d.Updated, TurnCount: d.Dropped + len(d.Turns),
	}}
}
