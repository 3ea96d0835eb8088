package sidecar

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dapr/go-sdk/client"
)

// fakeStore is a sidecar that has a state store, but does not answer at first.
type fakeStore struct {
	client.Client
	name         string
	capabilities []string
	silent       atomic.Int64 // how many requests are not answered
}

func (f *fakeStore) GetMetadata(context.Context) (*client.GetMetadataResponse, error) {
	if f.silent.Add(-1) >= 0 {
		return nil, errors.New("refused")
	}
	return &client.GetMetadataResponse{RegisteredComponents: []*client.MetadataRegisteredComponents{
		{Name: "other"}, {Name: f.name, Capabilities: f.capabilities},
	}}, nil
}

// TestWithETags holds that a service ends where its state store has no ETags, whenever
// the sidecar starts, and serves on any other.
func TestWithETags(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		store        string
		capabilities []string
		want         string
	}{
		"with ETags":      {"store", []string{TTL, ETags}, "served"},
		"without ETags":   {"store", []string{TTL}, `state store "store" has no ETags`},
		"without any":     {"store", nil, `state store "store" has no ETags`},
		"without a store": {"another", nil, "served"},
	} {
		for _, silent := range []int64{0, 5} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					dapr := &fakeStore{name: tc.store, capabilities: tc.capabilities}
					dapr.silent.Store(silent)
					err := (&Sidecar{Dapr: dapr}).WithETags(t.Context(), "store", func(ctx context.Context) error {
						select {
						case <-ctx.Done():
							return nil
						case <-time.After(time.Hour):
							return errors.New("served")
						}
					})
					if err == nil || !strings.Contains(err.Error(), tc.want) {
						t.Errorf("WithETags = %v; want %q", err, tc.want)
					}
				})
			})
		}
	}
}

// TestWithETagsEnds holds that a service stops in order while no sidecar answers.
func TestWithETagsEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dapr := &fakeStore{}
		dapr.silent.Store(1 << 40)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := (&Sidecar{Dapr: dapr}).WithETags(ctx, "store", func(ctx context.Context) error {
			<-ctx.Done()
			return nil
		})
		if err != nil {
			t.Errorf("WithETags = %v", err)
		}
	})
}
