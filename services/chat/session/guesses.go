package session

import (
	"context"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"daca/services/internal/state"
)

// guesses are what this process has written last, with the ETags that the store may have
// given it: Dapr does not tell, but many stores count. A right guess saves a read. A wrong
// one is refused by the store, and then there are none for a while: the store does not
// count, or another replica writes the same documents. A nil guesses has none.
type guesses struct {
	values *lru.Cache[string, state.Stored]
	bytes  atomic.Int64 // of all values
	resume atomic.Int64 // Unix time in milliseconds
}

// Limits of guesses. The recent sessions of a user always are one.
const (
	maxGuesses    = 512
	maxGuessBytes = 32 << 10 // of one
	maxAllGuesses = 2 << 20  // bytes
	restAfter     = time.Minute
)

func newGuesses() *guesses {
	g := &guesses{}
	g.values, _ = lru.NewWithEvict(maxGuesses, func(_ string, value state.Stored) {
		g.bytes.Add(-int64(len(value.Value)))
	}) // fails only for a limit below 1
	return g
}

// take returns what the key may have, or nil.
func (g *guesses) take(key string) *state.Stored {
	if g == nil || time.Now().UnixMilli() < g.resume.Load() {
		return nil
	}
	found, ok := g.values.Peek(key)
	if !ok || !g.values.Remove(key) { // somebody else has taken it
		return nil
	}
	return &found
}

// put notes a value that was written.
func (g *guesses) put(written state.Put) {
	if g == nil || len(written.Value) > maxGuessBytes {
		return
	}
	next, ok := state.NextETag(written.ETag)
	if !ok {
		return
	}
	g.values.Remove(written.Key) // a value that is replaced is not reported as evicted
	g.bytes.Add(int64(len(written.Value)))
	g.values.Add(written.Key, state.Stored{Value: written.Value, ETag: next})
	for g.bytes.Load() > maxAllGuesses {
		if _, _, found := g.values.RemoveOldest(); !found {
			return
		}
	}
}

// wrong notes that the store has refused a guess, or failed.
func (g *guesses) wrong() {
	if g != nil {
		g.resume.Store(time.Now().Add(restAfter).UnixMilli())
	}
}

// remembering is a store for one key whose first read is known already. Nothing is lost if
// the key has changed since: its ETag then refuses the write.
type remembering struct {
	state.Store
	found   *state.Stored
	written *guesses
	trying  bool // whether found is about to be written over
}

// Get implements state.Reader.
func (r *remembering) Get(ctx context.Context, keys ...string) ([]state.Stored, error) {
	if found := r.found; found != nil {
		r.found = nil
		r.trying = true
		return []state.Stored{*found}, nil
	}
	return r.Store.Get(ctx, keys...)
}

// Put implements state.Writer.
func (r *remembering) Put(ctx context.Context, items ...state.Put) error {
	err := r.Store.Put(ctx, items...)
	switch {
	case err == nil:
		r.written.put(items[0])
	case r.trying:
		r.written.wrong()
	}
	r.trying = false
	return err
}
