// Package session keeps conversations in the state store: the turns of each session of a
// user, and a list of the user's sessions. It knows neither Gin nor Dapr.
package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"daca/services/internal/contract"
	"daca/services/internal/state"
)

var (
	// ErrNotFound is the error for a session that does not exist.
	ErrNotFound = errors.New("no such session")
	// ErrNoTurn is the error for a turn that no session of the user with the id has.
	ErrNoTurn = errors.New("no such turn")
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
	// Budget is how long it may take to read. To keep a turn may take twice as long, if
	// another write of the session is under way.
	Budget time.Duration
	Logger *slog.Logger
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
	lists   *lists
}

// New returns the sessions of a store.
func New(store Store, cfg Config) *Sessions {
	s := &Sessions{cfg: cfg, store: store}
	s.all = newDocuments(store, cfg.TTL, s.patience, decodeDocument,
		func(d *document) ([]byte, error) { return d.encode(cfg.MaxBytes) })
	s.lists = newLists(s)
	return s
}

// Close waits until the lists are up to date. Nothing may be appended any more.
func (s *Sessions) Close() { s.lists.writing.Wait() }

// patience is how long one read or one write may take.
func (s *Sessions) patience() time.Duration {
	if s.failing.Load() {
		return s.cfg.Budget / 8
	}
	return s.cfg.Budget
}

// note remembers whether the store works, and returns the error. The end of ctx says
// nothing about the store.
func (s *Sessions) note(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		s.failing.Store(err != nil && !errors.Is(err, ErrUnreadable))
	}
	return err
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
	list, err := s.lists.read(ctx, user)
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
	e := d.entry()
	if err := s.lists.put(ctx, user, e); s.note(ctx, err) != nil {
		return Summary{}, fmt.Errorf("renaming a session in the list: %w", err)
	}
	return e.Summary, nil
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
	listed, err := s.lists.remove(ctx, user, id, d.Revision)
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
