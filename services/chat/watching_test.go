package main

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"daca/services/chat/activity"
	"daca/services/internal/apitest"
)

// unseen is for publishers that nobody watches.
type unseen struct{}

func (unseen) Spooled(string)   {}
func (unseen) Published(string) {}

// fakeAnalytics knows what it is given, and an operator's token.
type fakeAnalytics struct {
	mu      sync.Mutex
	answer  activity.Answer
	err     error // of all calls
	token   string
	calls   int      // of Activity
	handled []string // dead letters
}

func (f *fakeAnalytics) Activity(context.Context) (activity.Answer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	return f.answer, f.err
}

func (f *fakeAnalytics) Administers(_ context.Context, authorization string) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.token == "" || authorization == "Bearer "+f.token, f.err
}

func (f *fakeAnalytics) ReplayLetter(ctx context.Context, id, authorization string) error {
	return f.handle(ctx, "replay "+id, authorization)
}

func (f *fakeAnalytics) DeleteLetter(ctx context.Context, id, authorization string) error {
	return f.handle(ctx, "delete "+id, authorization)
}

func (f *fakeAnalytics) handle(ctx context.Context, what, authorization string) error {
	if operator, err := f.Administers(ctx, authorization); err != nil || !operator {
		if err == nil {
			err = refusedError{401}
		}
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.handled = append(f.handled, what)
	switch what {
	case "replay none":
		return refusedError{404}
	case "replay poison":
		return refusedError{409}
	}
	return nil
}

// seen returns what an operator sees of the messages of the service, as user, stage and
// reason.
func (s *service) seen(t *testing.T) string {
	t.Helper()
	w, err := s.app.shown.Watch(t.Context(), "root", "")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	news, err := w.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range news.Snapshot.Events {
		if e.ReceivedAt.IsZero() || e.Stage != activity.Failed && e.Stage != activity.Answering && e.AnsweredAt.IsZero() {
			t.Errorf("times are missing: %+v", e)
		}
		all = append(all, strings.TrimSuffix(e.UserID+" "+string(e.Stage)+": "+e.Reason, ": "))
	}
	return strings.Join(all, "; ")
}

// TestEveryAnswerIsSeen holds that each way to send a message shows what becomes of it.
func TestEveryAnswerIsSeen(t *testing.T) {
	t.Parallel()
	const stream = `{"user_id":"stream","text":"hi"}`
	for name, test := range map[string]struct {
		send func(t *testing.T, s *service)
		want string
	}{
		"chat": {func(t *testing.T, s *service) {
			s.Send("POST", "/chat/", `{"user_id":"chat","text":"hi"}`)
		}, "chat published"},
		"chat with a key, and again": {func(t *testing.T, s *service) {
			s.Send("POST", "/chat/", `{"user_id":"chat","text":"hi"}`, "Idempotency-Key", "k")
			s.Send("POST", "/chat/", `{"user_id":"chat","text":"hi"}`, "Idempotency-Key", "k")
		}, "chat published"},
		"stream": {func(t *testing.T, s *service) { s.Send("POST", "/chat/stream", stream) }, "stream published"},
		"completion": {func(t *testing.T, s *service) {
			s.Send("POST", completionsPath, `{"model":"`+agentModel+`","user":"v1","messages":[{"role":"user","content":"hi"}]}`)
		}, "v1 published"},
		"registration": {func(t *testing.T, s *service) { s.Send("POST", "/users/new/register", "") }, "new published"},
		"refused":      {func(t *testing.T, s *service) { s.Send("POST", "/chat/", `{"user_id":"chat","text":" "}`) }, ""},
		"spooled": {func(t *testing.T, s *service) {
			s.broker.fail(errors.New("away"))
			s.Send("POST", "/chat/stream", stream)
		}, "stream spooled"},
		"drained": {func(t *testing.T, s *service) {
			s.broker.fail(errors.New("away"))
			s.Send("POST", "/chat/", `{"user_id":"chat","text":"hi"}`)
			s.broker.fail(nil)
			s.app.events.round(t.Context(), s.app.events.lanes[0])
		}, "chat published"},
		"failed": {func(t *testing.T, s *service) {
			s.agent.err = errors.New("a bug")
			s.Send("POST", "/chat/stream", stream)
			s.Send("POST", "/chat/", `{"user_id":"chat","text":"hi"}`)
		}, "stream failed: Internal Server Error; chat failed: Internal Server Error"},
		"stopped": {func(t *testing.T, s *service) {
			with := newSpeaker("Hello")
			s.speak(with)
			id := s.leave(t)
			<-with.said
			s.Send("DELETE", "/runs/"+id, "")
			apitest.Eventually(t, "the run ends", func() bool {
				return strings.Contains(s.Send("GET", "/runs/"+id, "").Body.String(), `"stopped"`)
			})
		}, "bob published"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			budget := "PUBLISH_BUDGET=1m" // a busy machine must not spool
			if name == "spooled" || name == "drained" {
				budget = "PUBLISH_BUDGET=50ms"
			}
			s := newService(t, budget)
			test.send(t, s)
			if got := s.seen(t); got != test.want {
				t.Errorf("seen is %q; want %q", got, test.want)
			}
		})
	}
}

func TestActivityOverHTTP(t *testing.T) {
	t.Parallel()
	s := newService(t, "MAX_WATCHERS=1")
	s.analytics.token = "secret"
	s.ExpectProblem(t, "GET", "/activity", "", 422, "")
	const path = "/activity?user_id=alice"
	for _, wrong := range []string{"Bearer wrong", "Bearer \x01", "Bearer " + strings.Repeat("x", maxAuthorization)} {
		rec := s.Send("GET", path, "", "Authorization", wrong)
		if rec.Code != 401 || !strings.Contains(rec.Body.String(), "ADMIN_TOKEN") {
			t.Errorf("with a wrong token: %d %s", rec.Code, rec.Body)
		}
	}
	server := httptest.NewServer(s.Handler)
	defer server.Close()
	ctx, leave := context.WithTimeout(t.Context(), time.Minute)
	defer leave()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer secret")
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	read := func(want ...string) {
		t.Helper()
		for lines.Scan() {
			if line := lines.Text(); strings.HasPrefix(line, want[0]) {
				for _, part := range want {
					if !strings.Contains(line, part) {
						t.Errorf("%s lacks %s", line, part)
					}
				}
				return
			}
		}
		t.Fatalf("the stream ends before %s", want[0])
	}
	read("data:", `"operator":true`, `"dead_letters":null`, `"analytics":"ok"`, `"events":[]`)
	rec := s.ExpectProblem(t, "GET", path, "", 503, "watch")
	if rec.Header().Get("Retry-After") == "" {
		t.Error("the answer does not say when to come back")
	}
	s.Send("POST", "/users/bob/register", "")
	read("event: event")
	read("data:", `"user_id":"bob"`, `"stage":"answering"`)
	s.app.shown.Stop()
	for lines.Scan() {
	}
	if err := lines.Err(); err != nil {
		t.Errorf("a stop ends the stream with %v", err)
	}
}

func TestDeadLettersThroughChat(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.analytics.token = "secret"
	s.ExpectProblem(t, "POST", "/deadletters/x/replay", "", 401, "ADMIN_TOKEN")
	send := func(method, path string, headers ...string) *httptest.ResponseRecorder {
		return s.Send(method, path, "", append(headers, "Authorization", "Bearer secret")...)
	}
	for path, want := range map[string]int{
		"POST /deadletters/x/replay": 200, "DELETE /deadletters/x": 200, "POST /deadletters/none/replay": 404,
		"POST /deadletters/poison/replay": 409, "DELETE /deadletters/%2e%2e": 422, "POST /deadletters/a%2fb/replay": 422,
	} {
		method, target, _ := strings.Cut(path, " ")
		if rec := send(method, target); rec.Code != want && (want != 422 || rec.Code != 404) {
			t.Errorf("%s: %d %s; want %d", path, rec.Code, rec.Body, want)
		}
	}
	if n := len(s.analytics.handled); n != 4 {
		t.Errorf("analytics was asked for %v", s.analytics.handled)
	}
	if rec := send("DELETE", "/deadletters/x", "Sec-Fetch-Site", "cross-site"); rec.Code != 403 {
		t.Errorf("a foreign page gets %d", rec.Code)
	}
	s.analytics.err = errors.New("away")
	if rec := send("DELETE", "/deadletters/x"); rec.Code != 503 || rec.Header().Get("Retry-After") == "" {
		t.Errorf("without analytics: %d %s", rec.Code, rec.Body)
	}
}
