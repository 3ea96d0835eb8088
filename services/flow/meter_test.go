package flow

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// meter stands between the sidecar and the analytics service. It can hold
// deliveries back, answer them itself, and time them.
type meter struct {
	mu        sync.Mutex
	held      bool // /readyz fails, so that the sidecar delivers nothing
	noop      bool // deliveries are answered without being counted
	target    int  // how many deliveries are timed
	delivered int
	first     time.Time
	last      time.Time
}

func (m *meter) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		held := m.held
		noop := m.noop
		m.mu.Unlock()
		switch {
		case r.URL.Path == "/readyz" && held:
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		case r.URL.Path != "/messages":
			next.ServeHTTP(w, r)
			return
		}
		begin := time.Now()
		if noop {
			_, _ = fmt.Fprint(w, `{"status":"SUCCESS"}`)
		} else {
			next.ServeHTTP(w, r)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.delivered++; m.delivered == 1 {
			m.first = begin
		}
		if m.delivered == m.target {
			m.last = time.Now()
		}
	})
}

func (m *meter) set(held, noop bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held = held
	m.noop = noop
	m.delivered = 0
}

// rate returns the deliveries a second; 0 before the target is reached.
func (m *meter) rate() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.delivered < m.target {
		return 0
	}
	return float64(m.target) / m.last.Sub(m.first).Seconds()
}

func (m *meter) deliveries() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.delivered
}

// paused waits until the sidecar of analytics has noticed that the service is
// not ready.
func (s *system) paused() {
	s.t.Helper()
	s.eventually(func() bool {
		got, err := s.send("GET", s.analytics[0].InvokeURL(s.analytics[0], "healthz"), "")
		return err == nil && got.status == 500
	}, func() string { return "the sidecar still delivers" })
}
