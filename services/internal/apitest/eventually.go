package apitest

import (
	"testing"
	"time"
)

// Eventually fails the test at once unless ok returns true within 30 seconds. It
// asks every few milliseconds.
func Eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("it never happened that %s", what)
		}
	}
}
