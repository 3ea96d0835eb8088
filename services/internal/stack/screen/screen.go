// Package screen collects what programs print, so that tests can wait for it.
package screen

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

const expectTimeout = 30 * time.Second

// Screen is a writer that keeps everything written to it. Its methods may be
// called concurrently.
type Screen struct {
	mu      sync.Mutex
	content bytes.Buffer
	changed chan struct{} // has an element if something was written since it was last read
}

// New returns an empty screen.
func New() *Screen { return &Screen{changed: make(chan struct{}, 1)} }

// Write never fails.
func (s *Screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
	return s.content.Write(p)
}

// String returns all that was written.
func (s *Screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.content.String()
}

// WaitFor waits until the text appears. Only one goroutine may wait at a time. If
// ctx ends first, the error holds the content of the screen.
func (s *Screen) WaitFor(ctx context.Context, text string) error {
	for !strings.Contains(s.String(), text) {
		select {
		case <-s.changed:
		case <-ctx.Done():
			return fmt.Errorf("%w before %q appeared in:\n%s", context.Cause(ctx), text, s)
		}
	}
	return nil
}

// Expect fails the test unless the text appears within 30 s.
func (s *Screen) Expect(t testing.TB, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), expectTimeout)
	defer cancel()
	if err := s.WaitFor(ctx, text); err != nil {
		t.Fatal(err)
	}
}
