// Package state says what the services ask of a state store: values under keys, each of
// which changes only as a whole, and only if nobody else has changed it. Package sidecar
// has the store of Dapr. This package knows nothing of Dapr.
package state

import (
	"context"
	"time"
)

// Stored is a value and its ETag; both are empty if there is none.
type Stored struct {
	Value []byte
	ETag  string
}

// Put is a value to be written.
type Put struct {
	Key   string
	Value []byte
	ETag  string        // that the key has to have; empty if it must not exist
	TTL   time.Duration // after which the store forgets it; 0 for never
}

// Reader reads values.
type Reader interface {
	// Get returns what is stored under the keys, in their order. One key alone is never
	// missing if it exists. One of several may be, while the store fails: to create it
	// fails then.
	Get(ctx context.Context, keys ...string) ([]Stored, error)
}

// Writer writes values.
type Writer interface {
	// Put writes each value if its key still has the ETag or, if that is empty, if the
	// key does not exist. It is not one transaction: after an error, each value may
	// be written or not.
	Put(ctx context.Context, items ...Put) error
}

// Deleter deletes values.
type Deleter interface {
	// Delete deletes the key, whatever its ETag. It is no error if it does not exist.
	Delete(ctx context.Context, key string) error
}

// Store reads and writes values.
type Store interface {
	Reader
	Writer
}
