package flow

import "time"

const (
	pollInterval  = 50 * time.Millisecond
	settleTimeout = 3 * time.Minute // longer than redelivery after a crash takes
)

// within tries until ok returns true. It reports whether that happened in time.
func within(timeout time.Duration, ok func() bool) bool {
	deadline := time.After(timeout)
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			return false
		}
	}
	return true
}

// eventually fails the test unless ok returns true in time. It returns when the test has
// ended meanwhile.
func (s *system) eventually(ok func() bool, problem func() string) {
	s.t.Helper()
	ended := func() bool { return s.t.Context().Err() != nil }
	if !within(settleTimeout, func() bool { return ended() || ok() }) && !ended() {
		s.t.Fatalf("after %s: %s", settleTimeout, problem())
	}
}
