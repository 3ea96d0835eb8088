package session

import (
	"context"
	"fmt"
	"time"

	"daca/services/chat/agent"
	"daca/services/internal/contract"
	"daca/services/internal/state"
)

// Conversation is a session while a message of it is answered.
type Conversation struct {
	User contract.UserID
	ID   string
	// History are the earlier messages for the prompt, oldest first.
	History []agent.Message
	// Shortened reports whether History leaves out something.
	Shortened bool
	// Replaces is the id of the turn in whose place the next one comes, or empty. All turns
	// after it go too.
	Replaces string

	found    *state.Stored // as it was read; nil if that is not known, or too large to be held
	opened   bool
	revision int       // of the document when it was opened
	created  time.Time // zero if there was none
}

// maxHeld limits the documents that are held during an answer. A larger one is read again
// when its turn is kept, so that many answers at once need little memory.
const maxHeld = 32 << 10

// Begin returns a session that is new, which nobody needs to look for.
func Begin(user contract.UserID, id string) *Conversation {
	return &Conversation{User: user, ID: id, found: &state.Stored{}, opened: true}
}

// Resume returns a session without its history.
func Resume(user contract.UserID, id string) *Conversation {
	return &Conversation{User: user, ID: id}
}

// Open returns a session with its history. If there is none with the id, it is new. After
// an error the history is not known, and the conversation can go on without it.
func (s *Sessions) Open(ctx context.Context, user contract.UserID, id string) (*Conversation, error) {
	c := Resume(user, id)
	if s.cfg.MaxTokens == 0 {
		return c, nil
	}
	d, err := s.open(ctx, c)
	if err != nil {
		return c, err
	}
	c.History, c.Shortened = d.history(s.cfg.MaxTokens)
	return c, nil
}

// OpenBefore returns a session with its history up to a turn, and that turn, which the next
// one replaces. It fails with ErrNoTurn if there is no such session or turn.
func (s *Sessions) OpenBefore(
	ctx context.Context, user contract.UserID, id, turnID string,
) (*Conversation, Turn, error) {
	c := Resume(user, id)
	d, err := s.open(ctx, c)
	if err != nil {
		return nil, Turn{}, err
	}
	at, replaced := d.find(turnID)
	if at < 0 {
		return nil, Turn{}, ErrNoTurn
	}
	c.Replaces = turnID
	if s.cfg.MaxTokens > 0 {
		before := document{Dropped: d.Dropped, Turns: d.Turns[:at]}
		c.History, c.Shortened = before.history(s.cfg.MaxTokens)
	}
	return c, replaced, nil
}

// open reads the document of a conversation.
func (s *Sessions) open(ctx context.Context, c *Conversation) (document, error) {
	found, d, err := s.all.read(ctx, contract.SessionKey(c.User, c.ID))
	if s.note(ctx, err) != nil {
		return document{}, fmt.Errorf("reading a session: %w", err)
	}
	if len(found.Value) <= maxHeld {
		c.found = &found
	}
	c.opened = true
	c.revision, c.created = d.Revision, d.Created
	return d, nil
}

// deletedSince reports whether somebody has deleted the session since it was opened. It may
// have begun anew.
func (c *Conversation) deletedSince(d *document) bool {
	if d.Deleted {
		return c.opened && d.Revision > c.revision
	}
	return d.exists() && !c.created.IsZero() && !d.Created.Equal(c.created)
}

// Append adds a turn to the session, at the end or in the place of the one that the
// conversation replaces, which may be gone by now. A turn whose id is there already, or was
// replaced, is not added again. Append goes on after the end of ctx, for twice the budget at
// most. After an error, the turn is not known to be kept. The list of the user's sessions follows within
// milliseconds; List of this process waits for it.
func (s *Sessions) Append(ctx context.Context, c *Conversation, turn Turn) error {
	raw, err := turn.encode(s.cfg.MaxBytes - headBytes)
	if err != nil {
		return err
	}
	deleted := false
	d, err := s.all.change(ctx, contract.SessionKey(c.User, c.ID), c.found, func(d *document) bool {
		deleted = c.deletedSince(d)
		if deleted || d.has(turn.ID) {
			return false
		}
		d.begin(c.User, c.ID, turn)
		d.replace(c.Replaces, turn)
		d.Turns = append(d.Turns, raw)
		d.touch(turn.Time)
		return true
	})
	if s.note(ctx, err) != nil {
		return fmt.Errorf("adding a turn to a session: %w", err)
	}
	if deleted {
		return ErrDeleted
	}
	s.lists.enlist(ctx, c.User, d.entry())
	return nil
}
