package runs

import (
	"context"
	"fmt"

	"daca/services/internal/contract"
	"daca/services/internal/state"
)

// maxID limits the ids for which the store is asked.
const maxID = 64

// mayBeID reports whether a run may have the id. The store is not asked for others, which
// could be keys of something else.
func mayBeID(id string) bool {
	for _, c := range []byte(id) {
		if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return id != "" && len(id) <= maxID
}

// read returns the document of a run. It fails with ErrUnknown or ErrUnavailable.
func (m *Manager) read(ctx context.Context, id string) (*document, error) {
	if !mayBeID(id) {
		return nil, ErrUnknown
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	found, err := m.get(ctx, contract.RunKey(id))
	if err != nil {
		return nil, fmt.Errorf("reading a run: %w: %w", ErrUnavailable, err)
	}
	d, err := decodeDocument(found.Value)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return d, nil
}

// get reads one key.
func (m *Manager) get(ctx context.Context, key string) (state.Stored, error) {
	found, err := m.counted().Get(ctx, key)
	if err != nil {
		return state.Stored{}, err
	}
	return found[0], nil
}

// counted is the store, with its calls counted.
func (m *Manager) counted() state.Store { return countedStore{m} }

type countedStore struct{ m *Manager }

// Get implements state.Reader.
func (s countedStore) Get(ctx context.Context, keys ...string) ([]state.Stored, error) {
	s.m.metrics.calls.WithLabelValues("get").Inc()
	found, err := s.m.cfg.Store.Get(ctx, keys...)
	return found, err
}

// Put implements state.Writer.
func (s countedStore) Put(ctx context.Context, items ...state.Put) error {
	s.m.metrics.calls.WithLabelValues("put").Inc()
	err := s.m.cfg.Store.Put(ctx, items...)
	return err
}
