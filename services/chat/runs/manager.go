package runs

import (
	"errors"
	"slices"
)

// ended counts a run that has come to its end here.
func (m *Manager) ended(how string) {
	m.metrics.ended.WithLabelValues(how).Inc()
	m.mu.Lock()
	m.running--
	m.mu.Unlock()
	m.runs.Done()
}

// keep remembers a run that has ended and is not stored. If there are too many of them,
// the oldest is given up.
func (m *Manager) keep(r *owned) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unstored = append(m.unstored, r)
	if len(m.unstored) > m.cfg.MaxRuns {
		close(m.unstored[0].drop)
		m.unstored = m.unstored[1:]
	}
}

// forget leaves a run to the store.
func (m *Manager) forget(r *owned) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.owned, r.job.ID)
	m.unstored = slices.DeleteFunc(m.unstored, func(other *owned) bool { return other == r })
}

// noteStore remembers whether the store works.
func (m *Manager) noteStore(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failing = err != nil && !errors.Is(err, ErrLost)
}

func (m *Manager) storeFails() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.failing
}
