package state

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// ErrKeep is what a change returns to leave a value as it is.
var ErrKeep = errors.New("the value stays as it is")

// Update replaces the value of a key by what change makes of it, and returns the new
// one. Change gets nil if there is none. While somebody else changes the value, or the
// store fails, Update reads and changes again until ctx ends. A write that seemed to
// fail may have succeeded, so that change may find its own result: it must be idempotent.
//
// If change returns ErrKeep, nothing is written, and Update returns the value that is
// stored. Any other error of change ends Update.
func Update(
	ctx context.Context, s Store, key string, ttl time.Duration, change func(value []byte) ([]byte, error),
) (value []byte, err error) {
	retry := backoff.NewExponentialBackOff()
	retry.InitialInterval = 5 * time.Millisecond
	retry.MaxInterval = 250 * time.Millisecond
	var last error // of the store
	value, err = backoff.Retry(ctx, func() ([]byte, error) {
		found, err := s.Get(ctx, key)
		if err != nil {
			last = err
			return nil, err
		}
		value, err := change(found[0].Value)
		if errors.Is(err, ErrKeep) {
			return found[0].Value, nil
		}
		if err != nil {
			return nil, backoff.Permanent(err)
		}
		if err := s.Put(ctx, Put{Key: key, Value: value, ETag: found[0].ETag, TTL: ttl}); err != nil {
			last = err
			return nil, err
		}
		return value, nil
	}, backoff.WithBackOff(retry), backoff.WithMaxElapsedTime(0))
	if err != nil && ctx.Err() != nil && last != nil {
		return nil, fmt.Errorf("changing key %q: %w: %w", key, ctx.Err(), last)
	}
	return value, err
}
