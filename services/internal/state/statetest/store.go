// Package statetest has a state store in memory, for tests.
package statetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"daca/services/internal/state"
)

// Fault is how a call fails.
type Fault int

// The ways in which a call fails.
const (
	None   Fault = iota
	Before       // the call has no effect and returns an error
	After        // the call has its effect and returns an error all the same
)

// ErrFault is the error of a call with a fault.
var ErrFault = errors.New("the store was told to fail")

// ErrChanged is the error of a Put whose ETag is not that of the key.
var ErrChanged = errors.New("possible etag mismatch")

// Store keeps values in memory. Its ETags are no numbers, unless it is told so, and every
// write makes a new one. The zero value is empty and never fails.
type Store struct {
	// Fail is asked before each call, "get", "put" or "delete" of the keys. It must not change
	// after the first call.
	Fail func(call string, keys ...string) Fault
	// Numbered makes ETags count the writes of a key, as those of Redis do.
	Numbered bool
	// Now is the clock for the time to live; nil is time.Now.
	Now func() time.Time

	mu     sync.Mutex
	values map[string]entry
	writes int
	calls  int
}

type entry struct {
	value []byte
	etag  string
	ends  time.Time // zero for never
}

func (s *Store) fault(call string, keys ...string) Fault {
	if s.Fail == nil {
		return None
	}
	return s.Fail(call, keys...)
}

func (s *Store) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// Get implements state.Reader.
func (s *Store) Get(ctx context.Context, keys ...string) ([]state.Stored, error) {
	fault := s.fault("get", keys...)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if fault != None {
		return nil, ErrFault
	}
	found := make([]state.Stored, len(keys))
	for i, key := range keys {
		if e, ok := s.live(key); ok {
			found[i] = state.Stored{Value: slices.Clone(e.value), ETag: e.etag}
		}
	}
	return found, nil
}

// Put implements state.Writer.
func (s *Store) Put(ctx context.Context, items ...state.Put) (err error) {
	keys := make([]string, len(items))
	for i, item := range items {
		keys[i] = item.Key
	}
	fault := s.fault("put", keys...)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if err := ctx.Err(); err != nil {
		return err
	}
	if fault == Before {
		return ErrFault
	}
	for _, item := range items {
		if e, _ := s.live(item.Key); e.etag != item.ETag {
			err = fmt.Errorf("key %q: %w", item.Key, ErrChanged)
			continue
		}
		s.set(item)
	}
	if fault == After {
		return ErrFault
	}
	return err
}

// Delete implements state.Deleter.
func (s *Store) Delete(ctx context.Context, key string) error {
	fault := s.fault("delete", key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if err := ctx.Err(); err != nil {
		return err
	}
	if fault == Before {
		return ErrFault
	}
	delete(s.values, key)
	if fault == After {
		return ErrFault
	}
	return nil
}

func (s *Store) live(key string) (entry, bool) {
	e, ok := s.values[key]
	if !ok || !e.ends.IsZero() && !s.now().Before(e.ends) {
		return entry{}, false
	}
	return e, true
}

func (s *Store) set(item state.Put) {
	s.writes++
	if s.values == nil {
		s.values = map[string]entry{}
	}
	e := entry{value: slices.Clone(item.Value), etag: fmt.Sprintf("e%d", s.writes)}
	if s.Numbered {
		before, _ := strconv.Atoi(item.ETag)
		e.etag = strconv.Itoa(before + 1)
	}
	if item.TTL > 0 {
		e.ends = s.now().Add(item.TTL)
	}
	s.values[item.Key] = e
}

// Value returns what is stored under the key, or nil.
func (s *Store) Value(key string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, _ := s.live(key)
	return slices.Clone(e.value)
}

// Keys returns all keys that have a value.
func (s *Store) Keys() (keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.values {
		if _, ok := s.live(key); ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// Calls returns how often the store was called.
func (s *Store) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}
