// Package session keeps conversations in the state store: the turns of each session of a
// user, and a list of the user's sessions. It knows neither Gin nor Dapr.
package session

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"daca/services/chat/agent"
	"daca/services/internal/contract"
	"daca/services/internal/state"
)

var (
	// ErrNotFound is the error for a session that does not exist.
	ErrNotFound = errors.New("no such session")
	// ErrUnlisted is the error for a change that is made, and that the list of the user's
	// sessions does not show yet. The next change of the session mends it.
	ErrUnlisted = errors.New("the list of sessions is not up to date")
	// ErrDeleted is the error for a turn of a session that was deleted during the answer.
	ErrDeleted = errors.New("the session was deleted during the answer")
	// ErrUnreadable is the error for a document that this version cannot read. It is left
	// as it is.
	ErrUnreadable = errors.New("the document cannot be read")
)

// Config says what is kept, and how long it may take.
type Config struct {
	TTL       time.Duration // of a session after its last turn
	MaxBytes  int           // of the document of a session, from MinBytes to MaxBytes
	MaxTokens int           // of the history in a prompt, as estimate counts them; 0 is no history
	// Budget is how long it may take to read. To keep a turn may take twice as long.
	Budget time.Duration
}

// Limits of Config.MaxBytes. Sidecars take requests of 4 MiB.
const (
	MinBytes = 16 << 10
	MaxBytes = 2 << 20
)

// Store is a state store that can also delete.
type Store interface {
	state.Store
	state.Deleter
}

// Sessions reads and writes sessions. While the store fails, each call waits for less
// than the budget.
type Sessions struct {
	cfg     Config
	store   Store
	failing atomic.Bool // whether the last call of the store failed
	all     *documents[document]
	lists   *documents[index]
}

// New returns the sessions of a store.
func New(store Store, cfg Config) *Sessions {
	s := &Sessions{cfg: cfg, store: store}
	s.all = newDocuments(store, cfg.TTL, s.patience, decodeDocument,
		func(d *document) ([]byte, error) { return d.encode(cfg.MaxBytes) })
	s.lists = newDocuments(store, cfg.TTL, s.patience, decodeIndex, encodeIndex)
	return s
}

// patience is how long one read or one write may take. Four of them make up the time in
// which a turn is kept: each document may have to wait for another write first.
func (s *Sessions) patience() time.Duration {
	if s.failing.Load() {
		return s.cfg.Budget / 8
	}
	return s.cfg.Budget / 2
}

// note remembers whether the store works, and returns the error. The end of ctx says
// nothing about the store.
func (s *Sessions) note(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		s.failing.Store(err != nil && !errors.Is(err, ErrUnreadable))
	}
	return err
}

// Conversation is a session while a message of it is answered.
type Conversation struct {
	User contract.UserID
	ID   string
	// History are the earlier messages for the prompt, oldest first.
	History []agent.Message
	// Shortened reports whether History leaves out something.
	Shortened bool

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
	found, d, err := s.all.read(ctx, contract.SessionKey(user, id))
	if s.note(ctx, err) != nil {
		return c, fmt.Errorf("reading a session: %w", err)
	}
	if len(found.Value) <= maxHeld {
		c.found = &found
	}
	c.opened = true
	c.revision, c.created = d.Revision, d.Created
	c.History, c.Shortened = d.history(s.cfg.MaxTokens)
	return c, nil
}

// deletedSince reports whether somebody has deleted the session since it was opened. It may
// have begun anew.
func (c *Conversation) deletedSince(d *document) bool {
	if d.Deleted {
		return c.opened && d.Revision > c.revision
	}
	return d.exists() && !c.created.IsZero() && !d.Created.Equal(c.created)
}

// Append adds a turn to the session and brings the list of the user's sessions up to date.
// A turn whose id is there already is not added again. Append goes on after the end of
// ctx, for twice the budget at most. After an error other than ErrUnlisted, the turn is
// not known to be kept.
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
	return s.enlist(ctx, d)
}

// enlist shows the session in the list of its user.
func (s *Sessions) enlist(ctx context.Context, d document) error {
	entry := d.entry()
	_, err := s.lists.change(ctx, contract.SessionsKey(d.UserID), nil, func(i *index) bool { return i.put(entry) })
	if s.note(ctx, err) != nil {
		return fmt.Errorf("%w: %w", ErrUnlisted, err)
	}
	return nil
}

// Get returns a session with its turns, or ErrNotFound.
func (s *Sessions) Get(ctx context.Context, user contract.UserID, id string) (Session, error) {
	_, d, err := s.all.read(ctx, contract.SessionKey(user, id))
	if s.note(ctx, err) != nil {
		return Session{}, fmt.Errorf("reading a session: %w", err)
	}
	if !d.exists() {
		return Session{}, ErrNotFound
	}
	return d.session()
}

// List returns the user's sessions, newest first, and the cursor of the next page, which
// is empty after the last one. The cursor of the first page is empty too.
func (s *Sessions) List(
	ctx context.Context, user contract.UserID, limit int, cursor string,
) (page []Summary, next string, err error) {
	after, err := parseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	_, list, err := s.lists.read(ctx, contract.SessionsKey(user))
	if s.note(ctx, err) != nil {
		return nil, "", fmt.Errorf("listing sessions: %w", err)
	}
	page, next = list.page(after, limit, time.Now().Add(-s.cfg.TTL))
	return page, next, nil
}

// Rename gives a session another title. It fails with ErrNotFound if there is none.
func (s *Sessions) Rename(ctx context.Context, user contract.UserID, id, title string) (Summary, error) {
	title = Title(title)
	d, err := s.all.change(ctx, contract.SessionKey(user, id), nil, func(d *document) bool {
		if !d.exists() || d.Title == title {
			return false
		}
		d.Title = title
		d.touch(d.Updated)
		return true
	})
	if s.note(ctx, err) != nil {
		return Summary{}, fmt.Errorf("renaming a session: %w", err)
	}
	if !d.exists() {
		return Summary{}, ErrNotFound
	}
	return d.entry().Summary, s.enlist(ctx, d)
}

// Delete deletes a session. It fails with ErrNotFound if there is none. The turns of
// answers that are in progress are not added to it any more.
func (s *Sessions) Delete(ctx context.Context, user contract.UserID, id string) error {
	key := contract.SessionKey(user, id)
	existed := false
	d, err := s.all.change(ctx, key, nil, func(d *document) bool {
		if !d.exists() {
			return false
		}
		existed = true
		d.end()
		return true
	})
	if errors.Is(err, ErrUnreadable) {
		existed = true
		err = s.all.remove(ctx, key)
	}
	if s.note(ctx, err) != nil {
		return fmt.Errorf("deleting a session: %w", err)
	}
	listed := false
	_, err = s.lists.change(ctx, contract.SessionsKey(user), nil, func(i *index) bool {
		removed := i.remove(id, d.Revision, time.Now())
		listed = listed || removed
		return removed
	})
	if s.note(ctx, err) != nil {
		return fmt.Errorf("deleting a session from the list: %w", err)
	}
	if !existed && !listed {
		return ErrNotFound
	}
	return nil
}

// Probe returns an error if the store does not answer.
func (s *Sessions) Probe(ctx context.Context) error {
	_, err := s.store.Get(ctx, contract.PingKey)
	return err
}
