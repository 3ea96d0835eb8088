package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/dapr/go-sdk/client"

	"daca/services/internal/sidecar"
)

// forgetful is a sidecar whose connection to the store breaks during bulk reads, which
// its component takes for the end of the answer.
type forgetful struct {
	client.Client
	down bool
}

// GetBulkState implements client.Client.
func (f forgetful) GetBulkState(
	_ context.Context, _ string, keys []string, _ map[string]string, _ int32,
) ([]*client.BulkStateItem, error) {
	return []*client.BulkStateItem{{Key: keys[0], Value: []byte("1"), Etag: "e1"}, {Key: keys[1]}}, nil
}

// GetState implements client.Client.
func (f forgetful) GetState(_ context.Context, _, key string, _ map[string]string) (*client.StateItem, error) {
	switch {
	case f.down:
		return nil, errors.New("the connection is broken")
	case key == "missing":
		return &client.StateItem{Key: key}, nil
	}
	return &client.StateItem{Key: key, Value: []byte("2"), Etag: "e2"}, nil
}

// TestGetFindsWhatABulkReadLeftOut holds that a failure of the store is not taken for a
// key that is missing.
func TestGetFindsWhatABulkReadLeftOut(t *testing.T) {
	t.Parallel()
	up := &daprClient{&sidecar.Sidecar{Dapr: forgetful{}}}
	found, err := up.Get(t.Context(), "a", "b", "missing")
	if err != nil || string(found[0].value) != "1" || string(found[1].value) != "2" || found[1].etag != "e2" ||
		found[2].etag != "" || len(found[2].value) > 0 {
		t.Errorf("Get = %v, %v", found, err)
	}
	down := &daprClient{&sidecar.Sidecar{Dapr: forgetful{down: true}}}
	for _, keys := range [][]string{{"a"}, {"a", "b"}} {
		if found, err := down.Get(t.Context(), keys...); err == nil || !strings.Contains(err.Error(), "broken") {
			t.Errorf("while the store is down, Get(%q) = %v, %v", keys, found, err)
		}
	}
}
