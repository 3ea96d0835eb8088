package sidecar

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// What a state store says of itself in the metadata of its sidecar.
const (
	ETags = "ETAG" // it refuses to overwrite what has changed
	TTL   = "TTL"  // it forgets a value after a time
)

// askInterval is how often a sidecar that does not answer is asked again.
const askInterval = time.Second

// WithETags calls run, which has to return when its context ends. If the sidecar has the
// state store, and that has no ETags, WithETags ends run and returns an error. It asks as
// soon as the sidecar answers, which may start later.
func (s *Sidecar) WithETags(ctx context.Context, store string, run func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	var asking sync.WaitGroup
	var refused error
	asking.Go(func() {
		if refused = s.refuse(ctx, store); refused != nil {
			stop()
		}
	})
	err := run(ctx)
	stop()
	asking.Wait()
	if refused != nil {
		return refused
	}
	return err
}

// refuse returns an error if the state store has no ETags. It returns nil if ctx ends
// before the sidecar answers.
func (s *Sidecar) refuse(ctx context.Context, store string) error {
	tick := time.NewTicker(askInterval)
	defer tick.Stop()
	for {
		registered, err := s.registered(ctx)
		capabilities, there := registered[store]
		switch {
		case err == nil && (!there || slices.Contains(capabilities, ETags)):
			return nil
		case err == nil:
			return fmt.Errorf("state store %q has no ETags: two writers could overwrite each other's counts; "+
				"name a store in its component that has them", store)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
