package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	pollInterval = 50 * time.Millisecond
	askTimeout   = 3 * time.Second
	maxAnswer    = 4 << 10
)

// WaitReady asks the address until it answers with a 2xx status, as /readyz does
// for ready and degraded and a sidecar's /v1.0/healthz does. If the port belongs
// to one of the needed processes, only an answer of that process counts. It fails
// when ctx ends, with the last answer, and when one of the processes ends. If
// another program has taken a port of that process, the error wraps a
// *TakenError.
func WaitReady(ctx context.Context, address string, needed ...*Process) error {
	target, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("waiting for %s: %w", address, err)
	}
	port, _ := strconv.Atoi(target.Port()) // 0 belongs to no process
	return await(ctx, address, needed, func(ctx context.Context) error {
		if err := ask(ctx, address); err != nil {
			return err
		}
		for _, p := range needed {
			if slices.Contains(p.command.Ports, port) {
				return p.confirm(ctx, port)
			}
		}
		return nil
	})
}

// await tries until an attempt succeeds while all of the needed processes run.
func await(ctx context.Context, what string, needed []*Process, attempt func(context.Context) error) error {
	last := errors.New("not tried yet")
	for {
		if err := firstEnd(ctx, needed); err != nil {
			return err
		}
		err := attempt(ctx)
		if err == nil {
			return firstEnd(ctx, needed)
		}
		// The error of an attempt that ctx cut short does not say what is wrong.
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w; last: %w", what, context.Cause(ctx), last)
		case <-time.After(pollInterval):
		}
	}
}

// firstEnd returns how the first of the processes that no longer run ended; nil
// if all of them run.
func firstEnd(ctx context.Context, processes []*Process) error {
	for _, p := range processes {
		select {
		case <-p.Done():
		default:
			continue
		}
		end := p.Wait()
		if end == nil {
			return fmt.Errorf("%s was stopped", p.Name())
		}
		for _, port := range p.command.Ports {
			var taken *TakenError
			if errors.As(CheckFree(ctx, port), &taken) {
				return fmt.Errorf("%w: %w", taken, end)
			}
		}
		return end
	}
	return nil
}

func ask(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
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
		return fmt.Errorf("reading the answer of %s: %w", address, err)
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s", response.Status, strings.TrimSpace(string(body)))
	}
	return nil
}
