package fastapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"daca/services/internal/apitest"
	"daca/services/internal/serve"
)

func TestReadyzNamesWhatFails(t *testing.T) {
	t.Parallel()
	required := func(name string, probe func(context.Context) error) serve.Check {
		return serve.Check{Name: name, Probe: probe}
	}
	optional := func(name string, probe func(context.Context) error) serve.Check {
		return serve.Check{Name: name, Probe: probe, Optional: true}
	}
	works := func(context.Context) error { return nil }
	fails := func(context.Context) error { return errors.New("refused") }
	explains := func(context.Context) error { return fmt.Errorf("at 10.0.0.1: %w", serve.Reason("switched off")) }
	hangs := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	for name, tc := range map[string]struct {
		checks []serve.Check
		status int
		want   string
	}{
		"all work": {
			[]serve.Check{required("a", works), optional("b", works)},
			200, `{"status":"ready","checks":{"a":"ok","b":"ok"}}`,
		},
		"an optional dependency fails": {
			[]serve.Check{required("a", works), optional("b", fails)},
			200, `{"status":"degraded","checks":{"a":"ok","b":"fails, the log says why"}}`,
		},
		"a required dependency fails": {
			[]serve.Check{required("a", fails), optional("b", explains)},
			503, `{"status":"unavailable","checks":{"a":"fails, the log says why","b":"switched off"}}`,
		},
		"a dependency hangs": {
			[]serve.Check{required("a", hangs)},
			503, `{"status":"unavailable","checks":{"a":"no answer in time"}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := New(Options{
				Name: "test", Logger: slog.New(slog.DiscardHandler), Metrics: serve.NewMetrics(), Checks: tc.checks,
			})
			rec := apitest.API{Handler: api.Handler()}.Send("GET", "/readyz", "")
			if got := strings.TrimSpace(rec.Body.String()); rec.Code != tc.status || got != tc.want {
				t.Errorf("/readyz answers %d %s\nwant %d %s", rec.Code, got, tc.status, tc.want)
			}
		})
	}
}
