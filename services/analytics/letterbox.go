package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"daca/services/internal/contract"
	"daca/services/internal/state"
)

var errNoLetter = errors.New("no such dead letter")

// letterBox keeps the letters as one document of the state store.
type letterBox struct {
	store  state.Store
	budget time.Duration // for one change

	changes atomic.Uint64 // how often this process may have changed the letters

	turn      chan struct{} // holds one token, so that changes of this process do not conflict
	fullUntil time.Time     // belongs to the one with the token
}

// fullFor is how long a full box is not asked for room again.
const fullFor = 5 * time.Second

func newLetterBox(s state.Store, budget time.Duration) *letterBox {
	b := &letterBox{store: s, budget: budget, turn: make(chan struct{}, 1)}
	b.turn <- struct{}{}
	return b
}

// keep adds the letters, and returns how many of them are in the list: there may be
// too many already. A copy of a letter adds nothing.
func (b *letterBox) keep(ctx context.Context, arrived []letter) (listed int, err error) {
	err = b.update(ctx, func(letters []letter, size int) ([]letter, error) {
		listed = 0
		if time.Now().Before(b.fullUntil) {
			return nil, state.ErrKeep
		}
		for _, l := range arrived {
			if at := indexOf(letters, l.ID); at >= 0 { // if it is being replayed, it has come back
				letters[at].ReceivedAt = later(l.ReceivedAt, letters[at].ReceivedAt)
				listed++
				continue
			}
			if size += l.storedSize(); len(letters) >= maxLetters || size > maxStoredBytes {
				b.fullUntil = time.Now().Add(fullFor)
				break
			}
			letters = append(letters, l)
			listed++
		}
		if listed == 0 {
			return nil, state.ErrKeep
		}
		return letters, nil
	})
	return listed, err
}

// later returns the time, or one just after the earlier one.
func later(at, earlier time.Time) time.Time {
	if at.After(earlier) {
		return at
	}
	return earlier.Add(time.Millisecond)
}

// storedSize is how many bytes the letter takes in the list.
func (l letter) storedSize() int {
	value, err := jsonv2.Marshal(l)
	if err != nil {
		return maxStoredBytes // it cannot be kept
	}
	return len(value) + 1
}

// list returns the letters.
func (b *letterBox) list(ctx context.Context) ([]letter, error) {
	found, err := b.store.Get(ctx, contract.DeadLettersKey)
	if err != nil {
		return nil, err
	}
	return decodeLetters(found[0].Value)
}

// find returns the letter. It fails with errNoLetter if there is none.
func (b *letterBox) find(ctx context.Context, id string) (letter, error) {
	letters, err := b.list(ctx)
	if err != nil {
		return letter{}, err
	}
	i := indexOf(letters, id)
	if i < 0 {
		return letter{}, errNoLetter
	}
	return letters[i], nil
}

// remove removes the letter if it was received at the time, or at any time if that is
// zero. It fails with errNoLetter if there was none.
func (b *letterBox) remove(ctx context.Context, id string, received time.Time) error {
	found := false // by this attempt, or by an earlier one that was written although it returned an error
	return b.update(ctx, func(letters []letter, _ int) ([]letter, error) {
		i := indexOf(letters, id)
		if i >= 0 && (received.IsZero() || letters[i].ReceivedAt.Equal(received)) {
			found = true
			b.fullUntil = time.Time{}
			return slices.Delete(letters, i, i+1), nil
		}
		if !found {
			return nil, errNoLetter
		}
		return nil, state.ErrKeep
	})
}

func indexOf(letters []letter, id string) int {
	return slices.IndexFunc(letters, func(l letter) bool { return l.ID == id })
}

// update replaces the letters by what change returns, within the budget, see state.Update.
// Change gets the letters, and how many bytes they take in the store.
func (b *letterBox) update(
	ctx context.Context, change func(letters []letter, size int) ([]letter, error),
) error {
	ctx, cancel := context.WithTimeout(ctx, b.budget)
	defer cancel()
	select {
	case <-b.turn:
		defer func() { b.turn <- struct{}{} }()
	case <-ctx.Done():
		return fmt.Errorf("waiting to change the dead letters: %w", context.Cause(ctx))
	}
	defer b.changes.Add(1)
	_, err := state.Update(ctx, b.store, contract.DeadLettersKey, 0, func(value []byte) ([]byte, error) {
		letters, err := decodeLetters(value)
		if err != nil { // a damaged list must not hold up events: it begins again
			letters, value = nil, nil
		}
		if letters, err = change(letters, len(value)); err != nil {
			return nil, err
		}
		if value, err = jsonv2.Marshal(letters); err != nil {
			return nil, fmt.Errorf("encoding the dead letters: %w", err)
		}
		return value, nil
	})
	return err
}

// decodeLetters returns the letters that are stored. It fails with errCorrupt.
func decodeLetters(value []byte) (letters []letter, err error) {
	if len(value) == 0 {
		return nil, nil
	}
	if err := jsonv2.Unmarshal(value, &letters); err != nil {
		return nil, fmt.Errorf("decoding the dead letters: %w: %w", errCorrupt, err)
	}
	return letters, nil
}
