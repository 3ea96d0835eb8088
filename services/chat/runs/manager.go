package runs

import (
	"errors"
	"slices"
	"time"
)

// atFullPace is how many runs, or followed ones, are stored or read as often as is good
// for who follows them. Where there are more, each has its turn less often, so that all
// together call the store a few hundred times a second.
const atFullPace = 16

// paced returns the interval for one of n.
func paced(interval time.Duration, n int) time.Duration {
	return min(max(interval, interval*time.Duration(n)/atFullPace), lookInterval)
}

// paceOfRuns is the interval between two writes of one run.
func (m *Manager) paceOfRuns() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return paced(writeInterval, m.running) - writeInterval/2 // it is asked each writeInterval
}

// paceOfMirrors is the interval between two reads of one run that moves.
func (m *Manager) paceOfMirrors() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return paced(pollFast, len(m.mirrors))
}

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
