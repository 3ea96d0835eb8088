package session

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
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
	// MessageCount is what the agent is told again if it answers the same message again.
	MessageCount *int64 `json:"message_count,omitempty" doc:"How many messages the user had sent before, as the agent was told; absent if it was not."`
	// Shortened and TextSHA256 are set by Append.
	Shortened  bool   `json:"shortened,omitzero" doc:"The turn was too large to be kept whole."`
	TextSHA256 string `json:"text_sha256,omitzero" doc:"Of the whole text, in hexadecimal digits, if it was too long to be kept."`
}

// Says reports whether the text is what the user said, or what the turn shows of it.
func (t Turn) Says(text string) bool {
	return t.Text == text || t.TextSHA256 != "" && t.TextSHA256 == digest(text)
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
//	    ], "message_count": 5
//	  }, …],
//	  "replaced": ["5c1f9c1e-6b5d-4c57-9d0e-2a4b6c8d0e1f", …]
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
	// Replaced are the ids of the newest turns that others have replaced. Such a turn may be
	// kept once more, late, by a replica that finishes the run of a dead one.
	Replaced []string `json:"replaced,omitzero"`
}

// maxReplaced limits the ids of turns that were replaced.
const maxReplaced = 16

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

// has reports whether the session has the turn, or had it and it was replaced.
func (d *document) has(id string) bool { return d.index(id) >= 0 || slices.Contains(d.Replaced, id) }

// index returns where the turn is, or -1.
func (d *document) index(id string) int {
	for i := len(d.Turns) - 1; i >= 0; i-- {
		if idOf(d.Turns[i]) == id {
			return i
		}
	}
	return -1
}

// idOf returns the id of a turn, or nothing if it cannot be read.
func idOf(raw jsontext.Value) string {
	var turn struct {
		ID string `json:"id"`
	}
	if jsonv2.Unmarshal(raw, &turn) != nil {
		return ""
	}
	return turn.ID
}

// find returns the turn and where it is, or -1.
func (d *document) find(id string) (at int, found Turn) {
	at = d.index(id)
	if at < 0 || jsonv2.Unmarshal(d.Turns[at], &found) != nil {
		return -1, Turn{}
	}
	return at, found
}

// replace makes room for a turn in the place of the one with the id, if that is there: it
// and all later ones go. A title that is the beginning of the first message follows it.
func (d *document) replace(id string, by Turn) {
	at, old := d.find(id)
	if id == "" || at < 0 {
		return
	}
	for _, raw := range d.Turns[at:] {
		d.Replaced = append(d.Replaced, idOf(raw))
	}
	d.Replaced = d.Replaced[max(len(d.Replaced)-maxReplaced, 0):]
	d.Turns = d.Turns[:at]
	if at == 0 && d.Dropped == 0 && d.Title == Title(old.Text) {
		d.Title = Title(by.Text)
	}
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
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
