package session

import (
	"cmp"
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

	written *guesses // nil for none

	mu    sync.Mutex
	lines map[string]*line[T] // by key, of the documents that are being written
}

// line is what is done and waits to be done with one document.
type line[T any] struct{ now, next *batch[T] }

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
		lines: map[string]*line[T]{},
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
		d.lead(ctx, key, b)
	}
	<-b.written
	return b.doc, b.err
}

// lead writes the batch when its turn comes.
func (d *documents[T]) lead(ctx context.Context, key string, b *batch[T]) {
	<-b.turn
	d.write(ctx, key, b)
}

// settle waits until the changes that were made before are written, or ctx ends.
func (d *documents[T]) settle(ctx context.Context, key string) {
	d.mu.Lock()
	l := d.lines[key]
	var last *batch[T]
	if l != nil {
		last = cmp.Or(l.next, l.now)
	}
	d.mu.Unlock()
	if last == nil {
		return
	}
	select {
	case <-last.written:
	case <-ctx.Done():
	}
}

// join adds the change to the batch that waits for the key. If there is none, the caller
// has to lead a new one.
func (d *documents[T]) join(key string, found *state.Stored, change func(*T) bool) (b *batch[T], leads bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.lines[key]
	if l != nil && l.next != nil {
		l.next.changes = append(l.next.changes, change)
		return l.next, false
	}
	b = &batch[T]{changes: []func(*T) bool{change}, turn: make(chan struct{}), written: make(chan struct{})}
	if l != nil { // another write is under way, so that nobody knows what it finds
		l.next = b
		return b, true
	}
	b.found = found
	close(b.turn)
	d.lines[key] = &line[T]{now: b}
	return b, true
}

// write makes the changes of the batch, and lets the next one begin.
func (d *documents[T]) write(ctx context.Context, key string, b *batch[T]) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.patience())
	defer cancel()
	defer d.next(key)
	defer close(b.written)
	if b.found == nil {
		b.found = d.written.take(key)
	}
	store := &remembering{Store: d.store, found: b.found, written: d.written}
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
	l := d.lines[key]
	if l.next == nil {
		delete(d.lines, key)
		return
	}
	l.now, l.next = l.next, nil
	close(l.now.turn)
}

func (d *documents[T]) remove(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, d.patience())
	defer cancel()
	return d.store.Delete(ctx, key)
}
