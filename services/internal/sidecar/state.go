package sidecar

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/dapr/go-sdk/client"

	"daca/services/internal/contract"
	"daca/services/internal/state"
)

// maxKeys limits the keys of one call: some documents are large.
const maxKeys = 256

// Get implements state.Reader. Some components of Dapr 1.18 take a connection that breaks while
// they read many keys for the end of the answer, and the keys that are left for missing
// ones. One key has a call of its own, which fails then.
func (s *Sidecar) Get(ctx context.Context, keys ...string) ([]state.Stored, error) {
	if len(keys) == 1 {
		value, etag, err := s.readOne(ctx, keys[0])
		if err != nil {
			return nil, err
		}
		return []state.Stored{{Value: value, ETag: etag}}, nil
	}
	found := make([]state.Stored, 0, len(keys))
	for part := range slices.Chunk(keys, maxKeys) {
		items, err := s.Dapr.GetBulkState(ctx, contract.StateStore, part, nil, int32(len(part)))
		if err != nil {
			return nil, fmt.Errorf("reading %s of state store %q: %w", names(part), contract.StateStore, err)
		}
		byKey := make(map[string]state.Stored, len(items))
		for _, item := range items {
			if item.Error != "" {
				return nil, fmt.Errorf("reading key %q of state store %q: %s", item.Key, contract.StateStore, item.Error)
			}
			byKey[item.Key] = state.Stored{Value: item.Value, ETag: item.Etag}
		}
		for _, key := range part {
			found = append(found, byKey[key])
		}
	}
	return found, nil
}

// Put implements state.Writer.
func (s *Sidecar) Put(ctx context.Context, items ...state.Put) error {
	states := make([]*client.SetStateItem, len(items))
	for i, item := range items {
		states[i] = &client.SetStateItem{
			Key:   item.Key,
			Value: item.Value,
			// Without these options the SDK sends last-write, and Dapr ignores the ETag.
			Options: &client.StateOptions{
				Concurrency: client.StateConcurrencyFirstWrite,
				Consistency: client.StateConsistencyStrong,
			},
		}
		if item.ETag != "" {
			states[i].Etag = &client.ETag{Value: item.ETag}
		}
		if item.TTL > 0 {
			states[i].Metadata = map[string]string{"ttlInSeconds": strconv.Itoa(int(item.TTL.Seconds()) + 1)}
		}
	}
	if err := s.Dapr.SaveBulkState(ctx, contract.StateStore, states...); err != nil {
		keys := make([]string, len(items))
		for i, item := range items {
			keys[i] = item.Key
		}
		return fmt.Errorf("writing %s of state store %q: %w", names(keys), contract.StateStore, err)
	}
	return nil
}

// Delete implements state.Deleter.
func (s *Sidecar) Delete(ctx context.Context, key string) error {
	if err := s.Dapr.DeleteState(ctx, contract.StateStore, key, nil); err != nil {
		return fmt.Errorf("deleting key %q of state store %q: %w", key, contract.StateStore, err)
	}
	return nil
}

// names describes the keys in an error.
func names(keys []string) string {
	if len(keys) == 1 {
		return fmt.Sprintf("key %q", keys[0])
	}
	return fmt.Sprintf("%d keys, %q and others,", len(keys), keys[0])
}

// readOne returns what is stored under the key, and its ETag. Both are empty if there
// is nothing.
func (s *Sidecar) readOne(ctx context.Context, key string) (value []byte, etag string, err error) {
	item, err := s.Dapr.GetState(ctx, contract.StateStore, key, nil)
	if err != nil {
		return nil, "", fmt.Errorf("reading key %q of state store %q: %w", key, contract.StateStore, err)
	}
	return item.Value, item.Etag, nil
}
