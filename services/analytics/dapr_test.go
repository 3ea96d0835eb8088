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
	if f.down {
		return nil, errors.New("the connection is broken")
	}
	return &client.StateItem{Key: key, Value: []byte("2"), Etag: "e2"}, nil
}

// TestOneKeyIsNeverMissingForAFailure holds that a failure of the store is not taken for
// a user who is unknown, even where it is taken for keys that are missing.
func TestOneKeyIsNeverMissingForAFailure(t *testing.T) {
	t.Parallel()
	down := &daprClient{&sidecar.Sidecar{Dapr: forgetful{down: true}}}
	if found, err := down.Get(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("while the store is down, Get = %v, %v", found, err)
	}
	up := &daprClient{&sidecar.Sidecar{Dapr: forgetful{}}}
	found, err := up.Get(t.Context(), "b")
	if err != nil || string(found[0].Value) != "2" || found[0].ETag != "e2" {
		t.Errorf("Get = %v, %v", found, err)
	}
	found, err = up.Get(t.Context(), "a", "b")
	if err != nil || string(found[0].Value) != "1" || found[0].ETag != "e1" || len(found[1].Value) > 0 {
		t.Errorf("Get of two keys = %v, %v", found, err)
	}
}
