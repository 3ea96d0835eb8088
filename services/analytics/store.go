package main

import "context"

// store keeps values under keys, see daprClient. Counts and dead letters are
// documents in it, each changed by compare-and-swap.
type store interface {
	// Get returns the value and its ETag; both are empty if there is none.
	Get(ctx context.Context, key string) (value []byte, etag string, err error)
	// Put writes the value if the key still has the ETag or, if that is empty,
	// if the key does not exist. After an error the value may be written or not.
	Put(ctx context.Context, key string, value []byte, etag string) error
}
