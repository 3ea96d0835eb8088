package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tmaxmax/go-sse"
)

// shownEvent is an event as GET /activity of chat shows it.
type shownEvent struct {
	Key         string
	Stage       string
	Outcome     string
	UserID      string    `json:"user_id"`
	ReceivedAt  time.Time `json:"received_at"`
	AnsweredAt  time.Time `json:"answered_at"`
	PublishedAt time.Time `json:"published_at"`
	DeliveredAt time.Time `json:"delivered_at"`
	CountedAt   time.Time `json:"counted_at"`
	Count       int
}

type shownLetters struct {
	Total   int
	Letters []struct{ ID, Reason string }
}

// watcher watches the activity that chat shows.
type watcher struct {
	mu       sync.Mutex
	operator bool
	events   map[string]shownEvent // by key
	stages   map[string][]string   // of each event, in the order in which they came
	users    map[string]int
	letters  *shownLetters
}

// watch watches as the user until the test ends.
func (s *system) watch(user string, headers ...string) *watcher {
	s.t.Helper()
	ctx, stop := context.WithCancel(s.t.Context())
	target := s.chat.URL + "/activity?user_id=" + url.QueryEscape(user)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	s.must(err)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	s.must(err)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		s.t.Fatalf("watching answers %s", res.Status)
	}
	w := &watcher{events: map[string]shownEvent{}, stages: map[string][]string{}}
	var reading sync.WaitGroup
	reading.Go(func() {
		defer func() { _ = res.Body.Close() }()
		for e, err := range sse.Read(res.Body, nil) {
			if err != nil {
				return
			}
			w.add(s.t, e)
		}
	})
	s.t.Cleanup(func() {
		stop()
		reading.Wait()
	})
	return w
}

func (w *watcher) add(t testing.TB, e sse.Event) {
	var data struct {
		shownEvent

		Operator    bool
		Events      []shownEvent
		DeadLetters *shownLetters `json:"dead_letters"`
		Users       []struct {
			UserID string `json:"user_id"`
			Count  int
		}
	}
	if err := json.Unmarshal([]byte(e.Data), &data); err != nil {
		t.Errorf("an event has the data %q: %v", e.Data, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.Type == "event" {
		data.Events = []shownEvent{data.shownEvent}
	} else {
		w.operator, w.letters, w.users = data.Operator, data.DeadLetters, map[string]int{}
		for _, u := range data.Users {
			w.users[u.UserID] = u.Count
		}
	}
	for _, shown := range data.Events {
		w.events[shown.Key] = shown
		w.stages[shown.Key] = append(w.stages[shown.Key], shown.Stage)
	}
}

// sees waits until the watcher has seen what is asked for.
func (s *system) sees(w *watcher, what string, ok func() bool) {
	s.t.Helper()
	s.eventually(func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return ok()
	}, func() string {
		w.mu.Lock()
		defer w.mu.Unlock()
		return fmt.Sprintf("the watcher does not see %s, but %v with stages %v, users %v, dead letters %+v",
			what, w.events, w.stages, w.users, w.letters)
	})
}

// of returns how many events of the user have come to the stage.
func (w *watcher) of(user, stage string) (n int) {
	for _, e := range w.events {
		if e.UserID == user && e.Stage == stage {
			n++
		}
	}
	return n
}

// TestWatching holds what watchers see of messages and dead letters, with two replicas of
// analytics that take tokens: an operator everything, all others their own.
func TestWatching(t *testing.T) {
	t.Parallel()
	s := start(t, options{replicas: 2, analyticsEnv: []string{"ADMIN_TOKEN=secret"}})
	operators := []string{"Authorization", "Bearer secret"}
	got, err := s.send("GET", s.chat.URL+"/activity?user_id=alice", "", "Authorization", "Bearer wrong")
	if err != nil || got.status != http.StatusUnauthorized {
		t.Fatalf("watching with a wrong token answers %d %s, %v", got.status, got.body, err)
	}
	calls := func() (n int) {
		for _, a := range s.analytics {
			got, err := s.send("GET", a.URL+"/metrics", "")
			s.must(err)
			puts := regexp.MustCompile(`daca_activity_calls_total{call="put"} (\d+)`)
			for _, of := range puts.FindAllStringSubmatch(got.body, -1) {
				written, _ := strconv.Atoi(of[1])
				n += written
			}
		}
		return n
	}
	s.say("alice", "before anybody looks")
	s.counted("alice", 1)
	if n := calls(); n != 0 {
		t.Errorf("analytics has written %d times for watchers, and there are none", n)
	}

	operator := s.watch("root", operators...)
	alice := s.watch("alice")
	for i := range 6 {
		s.say("alice", fmt.Sprintf("message %d", i))
		s.say("bob", fmt.Sprintf("message %d", i))
	}
	s.sees(operator, "all messages counted", func() bool {
		return operator.operator && operator.of("alice", "counted") >= 6 && operator.of("bob", "counted") == 6
	})
	s.sees(alice, "her messages counted", func() bool {
		return alice.of("alice", "counted") >= 6 && alice.users["alice"] == 7
	})
	operator.mu.Lock()
	for key, e := range operator.events {
		const want = "[answering answering published counted]"
		if stages := fmt.Sprint(operator.stages[key]); e.UserID == "bob" && stages != want {
			t.Errorf("the stages of %+v are %s", e, stages)
		}
		if e.Stage != "counted" {
			continue
		}
		hops := []time.Time{e.ReceivedAt, e.AnsweredAt, e.DeliveredAt, e.CountedAt}
		for i := 1; i < len(hops); i++ { // the time of an event is in whole milliseconds
			if e.ReceivedAt.IsZero() || hops[i].Before(hops[i-1].Add(-time.Millisecond)) {
				t.Errorf("the times of %+v are not in order", e)
			}
		}
	}
	operator.mu.Unlock()
	alice.mu.Lock()
	if alice.operator || alice.letters != nil || alice.of("bob", "counted") > 0 || len(alice.users) != 1 {
		t.Errorf("alice sees of others: %v, %v, %v", alice.events, alice.users, alice.letters)
	}
	alice.mu.Unlock()
	s.letterOnTheFlow(operator, operators)
}

// letterOnTheFlow holds that an operator sees a dead letter, and handles it through chat.
func (s *system) letterOnTheFlow(operator *watcher, operators []string) {
	s.t.Helper()
	letter := func(to, body, contentType string) (target string) {
		s.t.Helper()
		got, err := s.send("POST", to, body, "Content-Type", contentType)
		if err != nil || got.status/100 != 2 {
			s.t.Fatalf("publishing answers %d %s, %v", got.status, got.body, err)
		}
		s.sees(operator, "a dead letter", func() bool { return operator.letters != nil && operator.letters.Total == 1 })
		operator.mu.Lock()
		defer operator.mu.Unlock()
		return s.chat.URL + "/deadletters/" + operator.letters.Letters[0].ID
	}
	none := func() bool { return operator.letters != nil && operator.letters.Total == 0 }
	undelivered := letter(s.analytics[0].URL+"/deadletters", `{"specversion":"1.0","id":"late","source":"s","type":"t",`+
		`"topic":"messages","time":"`+time.Now().UTC().Format(time.RFC3339)+`",`+
		`"data":{"event_type":"MessageSent","user_id":"carol"}}`, "application/cloudevents+json")
	got, err := s.send("POST", undelivered+"/replay", "", operators...)
	if err != nil || got.status != http.StatusOK || !strings.Contains(got.body, `"replayed"`) {
		s.t.Errorf("replaying answers %d %s, %v", got.status, got.body, err)
	}
	s.sees(operator, "the replayed event", func() bool { return none() && operator.of("carol", "counted") == 1 })

	one := letter(s.chat.DaprURL+"/v1.0/publish/pubsub/messages", `{"event_type":"MessageSent","user_id":".."}`,
		"application/json")
	for _, try := range []struct {
		method, target string
		headers        []string
		status         int
	}{
		{"POST", one + "/replay", nil, http.StatusUnauthorized},
		{"DELETE", one, []string{"Authorization", "Bearer wrong"}, http.StatusUnauthorized},
		{"POST", one + "/replay", append(operators, "Sec-Fetch-Site", "cross-site"), http.StatusForbidden},
		{"POST", one + "/replay", operators, http.StatusConflict},
		{"DELETE", one, operators, http.StatusOK},
		{"DELETE", one, operators, http.StatusNotFound},
	} {
		got, err := s.send(try.method, try.target, "", try.headers...)
		if err != nil || got.status != try.status {
			s.t.Errorf("%s %s answers %d %s, %v; want %d", try.method, try.target, got.status, got.body, err, try.status)
		}
	}
	s.sees(operator, "no dead letter", none)
}
