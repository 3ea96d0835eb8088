package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestDependenciesAreAskedOnceASecond holds that strangers who ask /readyz cannot keep
// the dependencies of a service busy.
func TestDependenciesAreAskedOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		known := 0
		p := NewProbes(slog.New(slog.DiscardHandler), []Check{
			{Name: "store", Probe: func(ctx context.Context) error {
				asked++ // by one request at a time
				select {
				case <-time.After(500 * time.Millisecond):
					return Reason("refused")
				case <-ctx.Done():
					return ctx.Err()
				}
			}},
			{Name: "outcome", Known: true, Probe: func(context.Context) error {
				known++
				return nil
			}},
		})
		gone, leave := context.WithCancel(t.Context())
		var requests sync.WaitGroup
		for _, ctx := range []context.Context{gone, t.Context(), t.Context()} {
			requests.Go(func() {
				if got := p.Readiness(ctx).Checks["store"]; got != "refused" {
					t.Errorf("the store: %s; want what its only probe found", got)
				}
			})
			synctest.Wait() // the first one probes, and the others wait
		}
		leave() // the others wait for the probe all the same
		requests.Wait()
		time.Sleep(freshFor - time.Millisecond) //nolint:forbidigo // the clock of the bubble
		p.Readiness(t.Context())
		if asked != 1 || known != 4 {
			t.Errorf("4 requests within a second asked the store %d times, and what is known %d times", asked, known)
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // see above
		p.Readiness(t.Context())
		if asked != 2 {
			t.Errorf("after a second the store was asked %d times; want 2", asked)
		}
	})
}

// TestReadinessNamesNoAddresses holds that strangers learn which dependency fails,
// and the log has the error.
func TestReadinessNamesNoAddresses(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"ok":                      nil,
		"no answer in time":       fmt.Errorf("redis:6379: %w", context.DeadlineExceeded),
		"switched off":            fmt.Errorf("redis:6379: %w", Reason("switched off")),
		"fails, the log says why": errors.New("dial tcp redis:6379: connection refused"),
	} {
		var log bytes.Buffer
		p := NewProbes(slog.New(slog.NewTextHandler(&log, nil)), []Check{
			{Name: "store", Probe: func(context.Context) error { return err }},
		})
		if got := p.Readiness(t.Context()).Checks["store"]; got != want {
			t.Errorf("%v is shown as %q; want %q", err, got, want)
		}
		if err != nil && !strings.Contains(log.String(), err.Error()) {
			t.Errorf("the log does not have %v:\n%s", err, log.String())
		}
		logged := log.Len()
		p.Readiness(t.Context())
		if log.Len() != logged {
			t.Errorf("what did not change is logged:\n%s", log.String())
		}
	}
}
