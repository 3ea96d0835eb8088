package screen

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestWaitFor(t *testing.T) {
	t.Parallel()
	t.Run("returns when the whole text is there", func(t *testing.T) {
		t.Parallel()
		s := New()
		waited := make(chan error, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		go func() { waited <- s.WaitFor(ctx, "up\n") }()
		for _, part := range []string{"it is ", "u", "p\n"} {
			select {
			case err := <-waited:
				t.Fatalf("it returned %v with %q on the screen", err, s)
			default:
			}
			_, _ = fmt.Fprint(s, part)
		}
		if err := <-waited; err != nil {
			t.Error(err)
		}
	})
	t.Run("shows what is there when the context ends", func(t *testing.T) {
		t.Parallel()
		s := New()
		_, _ = fmt.Fprint(s, "no such database")
		ctx, cancel := context.WithCancelCause(t.Context())
		died := errors.New("it died")
		cancel(died)
		err := s.WaitFor(ctx, "up")
		if !errors.Is(err, died) || !strings.HasSuffix(err.Error(), "no such database") {
			t.Errorf("got %v", err)
		}
	})
}
