package session

import (
	"context"
	"fmt"
	"sync"
	"time"

	"daca/services/internal/state"
)

// documents are the documents of one type T in the state store. A zero T is a document
// that does not exist. This process writes a document once at a time: the changes that
// arrive meanwhile wait, and are then written together.
type documents[T any] struct {
	store    Store
	ttl      time.Duration
	patience func() time.Duration // for one read, or one write with its repetitions
	decode   func([]byte) (T, error)
	encode   func(*T) ([]byte, error)

	mu sync.Mutex
	// writing has the keys that are being written, each with the changes that wait for it.
	writing map[string]*batch[T]
}

// batch are changes that are written together.
type batch[T any] struct {
	found   *state.Stored // what the key may have; nil if nobody knows
	changes []func(*T) bool
	turn    chan struct{} // closed when the batch before is written
	written chan struct{} // closed when doc and err are known
	doc     T
	err     error
}

func newDocuments[T any](
	store Store, ttl time.Duration, patience func() time.Duration,
	decode func([]byte) (T, error), encode func(*T) ([]byte, error),
) *documents[T] {
	return &documents[T]{
		store: store, ttl: ttl, patience: patience, decode: decode, encode: encode,
		writing: map[string]*batch[T]{},
	}
}

// read returns the document, and also as it is stored.
func (d *documents[T]) read(ctx context.Context, key string) (state.Stored, T, error) {
	ctx, cancel := context.WithTimeout(ctx, d.patience())
	defer cancel()
	var none T
	found, err := d.store.Get(ctx, key)
	if err != nil {
		return state.Stored{}, none, err
	}
	doc, err := d.decode(found[0].Value)
	if err != nil {
		return found[0], none, fmt.Errorf("key %q: %w", key, err)
	}
	return found[0], doc, nil
}

// change changes the document, and returns it as it is stored then. Found is what the key
// had some time ago, or nil; it saves a read. The change reports whether there is anything
// to write. It may be called several times, and find its own result: it must be
// idempotent. It must not call documents. After the end of ctx, change goes on.
func (d *documents[T]) change(
	ctx context.Context, key string, found *state.Stored, change func(*T) bool,
) (T, error) {
	b, leads := d.join(key, found, change)
	if leads {
		<-b.turn
		d.write(ctx, key, b)
	}
	<-b.written
	return b.doc, b.err
}

// join adds the change to the batch that waits for the key. If there is none, the caller
// leads a new one.
func (d *documents[T]) join(key string, found *state.Stored, change func(*T) bool) (b *batch[T], leads bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	waiting, busy := d.writing[key]
	if waiting != nil {
		waiting.changes = append(waiting.changes, change)
		return waiting, false
	}
	b = &batch[T]{
		found: found, changes: []func(*T) bool{change},
		turn: make(chan struct{}), written: make(chan struct{}),
	}
	if busy {
		b.found = nil // another write is under way
		d.writing[key] = b
	} else {
		close(b.turn)
		d.writing[key] = nil
	}
	return b, true
}

// write makes the changes of the batch, and lets the next one begin.
func (d *documents[T]) write(ctx context.Context, key string, b *batch[T]) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.patience())
	defer cancel()
	defer d.next(key)
	defer close(b.written)
	store := &remembering{Store: d.store, found: b.found}
	_, b.err = state.Update(ctx, store, key, d.ttl, func(value []byte) ([]byte, error) {
		var err error
		if b.doc, err = d.decode(value); err != nil {
			return nil, fmt.Errorf("key %q: %w", key, err)
		}
		changed := false
		for _, change := range b.changes {
			changed = change(&b.doc) || changed
		}
		if !changed {
			return nil, state.ErrKeep
		}
		return d.encode(&b.doc)
	})
}

func (d *documents[T]) next(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	waiting := d.writing[key]
	if waiting == nil {
		delete(d.writing, key)
		return
	}
	d.writing[key] = nil
	close(waiting.turn)
}

func (d *documents[T]) remove(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, d.patience())
	defer cancel()
	return d.store.Delete(ctx, key)
}

// remembering is a store for one key whose first read is known already. Nothing is lost if
// the key has changed since: its ETag then refuses the write.
type remembering struct {
	state.Store
	found *state.Stored
}

// Get implements state.Reader.
func (r *remembering) Get(ctx context.Context, keys ...string) ([]state.Stored, error) {
	if found := r.found; found != nil {
		r.found = nil
		return []state.Stored{*found}, nil
	}
	return r.Store.Get(ctx, keys...)
}
