package main

import (
	"context"
	"time"
)

// store keeps values under keys, see daprClient. Counts and dead letters are
// documents in it, each changed by compare-and-swap.
type store interface {
	// Get returns what is stored under the keys, in their order. One key alone is never
	// missing if it exists. One of several may be, while the store fails: to create it
	// fails then.
	Get(ctx context.Context, keys ...string) ([]stored, error)
	// Put writes each value if its key still has the ETag or, if that is empty, if the
	// key does not exist. It is not one transaction: after an error, each value may
	// be written or not.
	Put(ctx context.Context, items ...put) error
}

// stored is a value and its ETag; both are empty if there is none.
type stored struct {
	value []byte
	etag  string
}

// put is a value to be written.
type put struct {
	key   string
	value []byte
	etag  string
	ttl   time.Duration // after which the store forgets it; 0 for never
}
