package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	pollInterval = 50 * time.Millisecond
	askTimeout   = 3 * time.Second
	maxAnswer    = 4 << 10
)

// WaitReady asks the URL until it answers with a 2xx status, as /readyz does
// for ready and degraded and a sidecar's /v1.0/healthz does. When ctx ends
// first, or one of the processes, the error says so and what the last answer was.
func WaitReady(ctx context.Context, url string, needed ...*Process) error {
	last := errors.New("not asked yet")
	for {
		for _, p := range needed {
			select {
			case <-p.Done():
				if err := p.Wait(); err != nil {
					return err
				}
				return fmt.Errorf("%s was stopped", p.Name())
			default:
			}
		}
		// An attempt that ctx cuts short tells less than the one before it.
		if err := ask(ctx, url); err == nil {
			return nil
		} else if ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w; last: %w", url, context.Cause(ctx), last)
		case <-time.After(pollInterval):
		}
	}
}

func ask(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("reading the answer of %s: %w", url, err)
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s", response.Status, strings.TrimSpace(string(body)))
	}
	return nil
}
