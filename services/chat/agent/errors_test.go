package agent

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestFailuresOfTheModel(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cfg        Config
		kind       Kind
		status     int
		retryAfter time.Duration
		cause      string
	}{
		"wrong key": {
			cfg:  Config{APIKey: "sk-wrong"},
			kind: Unauthorized, status: 401, cause: "status 401",
		},
		"forbidden": {
			cfg:  Config{Model: "offline?status=403"},
			kind: Unauthorized, status: 403, cause: "status 403",
		},
		"rate limit": {
			cfg:  Config{Model: "offline?status=429&retry_after=7"},
			kind: RateLimited, status: 429, retryAfter: 7 * time.Second, cause: "after 7s",
		},
		"rate limit, plainly": {
			cfg:  Config{Model: "offline?status=429&retry_after=7&body=plain"},
			kind: RateLimited, status: 429, retryAfter: 7 * time.Second, cause: "after 7s",
		},
		"wrong key, plainly": {
			cfg:  Config{Model: "offline?status=401&body=plain"},
			kind: Unauthorized, status: 401, cause: "status 401",
		},
		"rate limit, no hint": {
			cfg:  Config{Model: "offline?status=429"},
			kind: RateLimited, status: 429, cause: "status 429",
		},
		"overload": {
			cfg:  Config{Model: "offline?status=503&retry_after=3"},
			kind: Unavailable, status: 503, retryAfter: 3 * time.Second, cause: "status 503",
		},
		"internal error": {
			cfg:  Config{Model: "offline?status=500&retry_after=3"},
			kind: Unavailable, status: 500, cause: "status 500",
		},
		"bad request": {
			cfg:  Config{Model: "offline?status=400"},
			kind: Rejected, status: 400, cause: "status 400",
		},
		"unknown behaviour": {
			cfg:  Config{Model: "offline?x=y"},
			kind: Rejected, status: 400, cause: "status 400",
		},
		"model not for chats": {
			cfg:  Config{Model: "davinci"},
			kind: Rejected, cause: "not supported",
		},
		"wrong path": {
			cfg:  Config{Model: "offline?status=404"},
			kind: Rejected, status: 404, cause: "status 404",
		},
		"hang-up": {
			cfg:  Config{Model: "offline?hangup"},
			kind: Unavailable, cause: "connection broke",
		},
		"half an answer": {
			cfg:  Config{Model: "offline?body=broken"},
			kind: Unavailable, cause: "not a whole one",
		},
		"no choices": {
			cfg:  Config{Model: "offline?body=empty"},
			kind: Unavailable, cause: "no choices",
		},
		"an error after status 200": {
			cfg:  Config{Model: "offline?body=error"},
			kind: Unavailable, status: 500, cause: "status 500",
		},
		"nobody there": {
			cfg:  Config{BaseURL: "http://127.0.0.1:1/v1"},
			kind: Unavailable, cause: "connection refused",
		},
		"no answer in time": {
			cfg:  Config{Model: "offline?delay=1h", ModelTimeout: 20 * time.Millisecond},
			kind: Timeout, cause: "no answer in time",
		},
		"signature not accepted": {
			cfg:  Config{Model: "offline?tools=gemini&status=400"},
			kind: Rejected, status: 400, cause: "status 400",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, observe := range []func(Event){nil, func(Event) {}} {
				s := setup(t, tc.cfg)
				reply, err := s.agent.Run(t.Context(), Request{Text: "hi", Observe: observe})
				failure, ok := errors.AsType[*Error](err)
				if !ok {
					t.Fatalf("Run = %+v, %v; want an *Error", reply, err)
				}
				if failure.Kind != tc.kind || failure.Status != tc.status || failure.RetryAfter != tc.retryAfter {
					t.Errorf("failure = %+v; want kind %s, status %d, retry after %s",
						failure, tc.kind, tc.status, tc.retryAfter)
				}
				if errors.Is(err, context.DeadlineExceeded) != (tc.kind == Timeout) {
					t.Errorf("%v is a context.DeadlineExceeded: %t", err, tc.kind != Timeout)
				}
				if !strings.Contains(err.Error(), tc.cause) {
					t.Errorf("error = %q; want it to name %q", err, tc.cause)
				}
				if strings.Contains(err.Error(), "told to answer") {
					t.Errorf("error = %q contains the provider's words", err)
				}
				for what, text := range map[string]string{"error": err.Error(), "log": s.logged()} {
					if strings.Contains(text, s.agent.cfg.APIKey) {
						t.Errorf("the %s contains the API key: %s", what, text)
					}
				}
			}
		})
	}
}

func TestProvidersWordsAreLoggedWithoutTheKey(t *testing.T) {
	t.Parallel()
	s := setup(t, Config{Model: "offline?status=401"})
	if _, err := s.run(t.Context(), "", "my secret"); err == nil {
		t.Fatal("Run succeeded; want an error")
	}
	log := s.logged()
	if !strings.Contains(log, "told to answer 401 to the API key [API key]") {
		t.Errorf("log = %s; want the provider's message without the key", log)
	}
	if strings.Contains(log, "my secret") {
		t.Errorf("log = %s; want nothing of what the user said", log)
	}
}

func TestEmptyReplyIsAFailure(t *testing.T) {
	t.Parallel()
	s := setup(t, Config{Model: "offline?body=blank"})
	_, err := s.run(t.Context(), "", "hi")
	if failure, ok := errors.AsType[*Error](err); !ok || failure.Kind != Unavailable {
		t.Errorf("error = %v; want Unavailable", err)
	}
}

func TestCallerGivesUp(t *testing.T) {
	t.Parallel()
	t.Run("while the model thinks", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err := setup(t, Config{Model: "offline?delay=1h"}).run(ctx, "", "hi")
		if _, ok := errors.AsType[*Error](err); ok || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error = %v; want the caller's own deadline", err)
		}
	})
	t.Run("while a tool works", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		tool := clockThat(func(ctx context.Context, _ json.RawMessage) (string, error) {
			cancel()
			<-ctx.Done()
			return "", ctx.Err()
		})
		s := setup(t, Config{Tools: []Tool{tool}, MaxTurns: 1})
		_, err := s.run(ctx, "", "what time is it?")
		if _, ok := errors.AsType[*Error](err); ok || !errors.Is(err, context.Canceled) {
			t.Errorf("error = %v; want the caller's cancellation", err)
		}
		if asked := len(s.requests()); asked != 1 {
			t.Errorf("the model was asked %d times; want 1", asked)
		}
	})
}

func TestParseRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"":     0,
		"7":    7 * time.Second,
		"-7":   0,
		"soon": 0,
		now.Add(time.Minute).Format(http.TimeFormat):  time.Minute,
		now.Add(-time.Minute).Format(http.TimeFormat): 0,
		"9223372036854775807":                         24 * time.Hour,
	} {
		if got := parseRetryAfter(header, now); got != want {
			t.Errorf("parseRetryAfter(%q) = %s; want %s", header, got, want)
		}
	}
}
