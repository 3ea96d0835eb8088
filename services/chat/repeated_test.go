package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"daca/services/chat/agent"
	"daca/services/internal/contract"
	"daca/services/internal/state"
)

const keyedMessage = `{"user_id":"bob","text":"hi"}`

// once sends bob's message with the key k.
func (s *service) once(path, body string) *httptest.ResponseRecorder {
	return s.Send("POST", path, body, "Idempotency-Key", "k")
}

// expectAgain fails unless the answer is the same as the first one, and says so.
func expectAgain(t *testing.T, first, again *httptest.ResponseRecorder) {
	t.Helper()
	if again.Code != 200 || again.Body.String() != first.Body.String() ||
		again.Header().Get("Idempotency-Replayed") != "true" {
		t.Errorf("a repetition is answered %d %v %s; want what the first was: %s",
			again.Code, again.Header(), again.Body, first.Body)
	}
}

// TestRepetitions holds that a repetition gets the answer of the first request, asks no
// model and publishes nothing, on whichever replica, streamed or not.
func TestRepetitions(t *testing.T) {
	t.Parallel()
	s := newService(t)
	other := newReplica(t, s)
	first := s.once("/chat/", keyedMessage)
	if first.Code != 200 || first.Header().Get("Idempotency-Replayed") != "" {
		t.Fatalf("the first request is answered %d %v %s", first.Code, first.Header(), first.Body)
	}
	s.agent.err = errors.New("the model was asked again")
	other.agent.err = s.agent.err
	expectAgain(t, first, s.once("/chat/", keyedMessage))
	expectAgain(t, first, other.once("/chat", ` {"text": "hi", "user_id": "bob", "tags": null}`))
	for _, replica := range []*service{s, other} {
		rec := replica.once("/chat/stream", keyedMessage)
		all := events(t, rec.Body)
		var last chatReply
		err := json.Unmarshal([]byte(all[len(all)-1].data), &last)
		if err != nil || rec.Header().Get("Idempotency-Replayed") != "true" ||
			!strings.Contains(first.Body.String(), last.Metadata.SessionID) {
			t.Errorf("the stream of a repetition has the events %v", all)
		}
	}
	for _, body := range []string{
		`{"user_id":"bob","text":"ho"}`, `{"user_id":"bob","text":"hi","metadata":{"session_id":"s"}}`,
		`{"user_id":"bob","text":"hi","tags":["t"]}`,
	} {
		for _, path := range []string{"/chat/", "/chat/stream"} {
			s.ExpectProblem(t, "POST", path, body, 422, "was used for another message", "Idempotency-Key", "k")
		}
	}
	if published := s.broker.events(); len(published) != 1 {
		t.Errorf("published %+v; want one event", published)
	}
	// Keys of others are other keys.
	s.agent.err = nil
	if rec := s.Send("POST", "/chat/", `{"user_id":"alice","text":"hi"}`, "Idempotency-Key", "k"); rec.Code != 200 ||
		rec.Header().Get("Idempotency-Replayed") != "" {
		t.Errorf("alice gets %d %s", rec.Code, rec.Body)
	}
}

// TestAnswersAreReplayedWithoutTheirRuns holds that an answer is kept for longer than its
// run, and not for ever.
func TestAnswersAreReplayedWithoutTheirRuns(t *testing.T) {
	t.Parallel()
	s := newService(t)
	var later atomic.Int64
	s.store.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	first := s.once("/chat/", keyedMessage)
	var answer chatReply
	_ = json.Unmarshal(first.Body.Bytes(), &answer)
	later.Store(int64(claimLife - time.Minute))
	s.agent.err = errors.New("the model was asked again")
	expectAgain(t, first, s.once("/chat/", keyedMessage))
	got := texts(events(t, s.once("/chat/stream", keyedMessage).Body))
	if len(got) != 3 || got[0] != "run" || got[1] != "token "+answer.Reply || !strings.HasPrefix(got[2], "message {") {
		t.Errorf("the stream has the events %v", got)
	}
	later.Store(int64(claimLife + time.Minute))
	s.agent.err = nil
	if rec := s.once("/chat/", keyedMessage); rec.Code != 200 || rec.Header().Get("Idempotency-Replayed") != "" {
		t.Errorf("after two days the answer is %d %v", rec.Code, rec.Header())
	}
}

// TestARepetitionDuringTheAnswer holds that there is one answer at a time.
func TestARepetitionDuringTheAnswer(t *testing.T) {
	t.Parallel()
	s := newService(t)
	other := newReplica(t, s)
	model := newSpeaker("Hello")
	s.speak(model)
	first := make(chan *httptest.ResponseRecorder)
	go func() { first <- s.once("/chat/", keyedMessage) }()
	<-model.said
	for _, replica := range []*service{s, other} {
		rec := replica.ExpectProblem(t, "POST", "/chat/", keyedMessage, 409, "still being answered", "Idempotency-Key", "k")
		if rec.Header().Get("Retry-After") != "1" {
			t.Errorf("the refusal has the headers %v", rec.Header())
		}
	}
	views := make(chan []event, 2)
	for _, replica := range []*service{s, other} {
		go func() { views <- events(t, replica.once("/chat/stream", keyedMessage).Body) }()
	}
	close(model.finish)
	answer := <-first
	a, b := <-views, <-views
	if !slices.Equal(texts(a), texts(b)) || !strings.Contains(a[len(a)-1].data, `"reply":"Hello"`) ||
		runID(t, a[0]) != runID(t, b[0]) {
		t.Errorf("two views are %v and %v", a, b)
	}
	expectAgain(t, answer, other.once("/chat/", keyedMessage))
	if n := len(s.broker.events()); n != 1 {
		t.Errorf("%d events are published", n)
	}
}

// TestARunThatLedToNothing holds that another run answers where the first one failed, was
// stopped before it said anything, or never started, and that all are one message.
func TestARunThatLedToNothing(t *testing.T) {
	t.Parallel()
	key := contract.IdempotencyKey(contract.MessageSent, "bob", "k")
	put := func(t *testing.T, s *service, begun time.Time) {
		t.Helper()
		var in chatInput
		in.Body.UserID, in.Body.Text = "bob", "hi"
		digest, err := in.digest()
		if err != nil {
			t.Fatal(err)
		}
		event := newEvent(contract.MessageSent, "bob", "k")
		value, err := json.Marshal(keyed{
			claim: claim{event.ID, event.Time}, Digest: digest, SessionID: "s", RunID: "never-started", Begun: begun,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.store.Put(t.Context(), state.Put{Key: key, Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	for name, before := range map[string]func(*testing.T, *service){
		"it failed": func(t *testing.T, s *service) {
			s.agent.err = &agent.Error{Kind: agent.Unavailable, Status: 500}
			s.ExpectProblem(t, "POST", "/chat/", keyedMessage, 502, "The model is unavailable", "Idempotency-Key", "k")
			s.ExpectProblem(t, "POST", "/chat/", keyedMessage, 502, "The model is unavailable", "Idempotency-Key", "k")
			s.agent.err = nil
		},
		"it never started": func(t *testing.T, s *service) { put(t, s, time.Now().Add(-time.Minute)) },
		"its message was spooled": func(t *testing.T, s *service) {
			event := newEvent(contract.MessageSent, "bob", "k")
			value := fmt.Sprintf(`{"id":%q,"time":"2026-01-02T12:00:00Z"}`, event.ID)
			if err := s.store.Put(t.Context(), state.Put{Key: key, Value: []byte(value)}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			before(t, s)
			var claimed claim
			if err := json.Unmarshal(s.store.Value(key), &claimed); err != nil {
				t.Fatal(err)
			}
			first := s.once("/chat/", keyedMessage)
			if first.Code != 200 || first.Header().Get("Idempotency-Replayed") != "" {
				t.Fatalf("answered %d %v %s", first.Code, first.Header(), first.Body)
			}
			expectAgain(t, first, s.once("/chat/", keyedMessage))
			published := s.broker.events()
			if len(published) != 1 || published[0].ID != claimed.ID || !published[0].Time.Equal(claimed.Time) {
				t.Errorf("published %+v; want one event like %+v", published, claimed)
			}
		})
	}
	t.Run("it is about to start", func(t *testing.T) {
		t.Parallel()
		s := newService(t)
		put(t, s, time.Now())
		s.ExpectProblem(t, "POST", "/chat/", keyedMessage, 409, "still being answered", "Idempotency-Key", "k")
	})
}

// TestARepetitionOfAStoppedMessage holds that there is no second answer to a message whose
// answer was stopped, because it counts.
func TestARepetitionOfAStoppedMessage(t *testing.T) {
	t.Parallel()
	s := newService(t)
	model := newSpeaker("Hello")
	s.speak(model)
	first := make(chan *httptest.ResponseRecorder)
	go func() { first <- s.once("/chat/stream", keyedMessage) }()
	<-model.said
	var holds keyed
	key := contract.IdempotencyKey(contract.MessageSent, "bob", "k")
	if err := json.Unmarshal(s.store.Value(key), &holds); err != nil {
		t.Fatal(err)
	}
	s.Send("DELETE", "/runs/"+holds.RunID, "")
	view := events(t, (<-first).Body)
	again := s.once("/chat/", keyedMessage)
	var answer chatReply
	err := json.Unmarshal(again.Body.Bytes(), &answer)
	if err != nil || answer.Reply != "Hello" || answer.UserID != "bob" ||
		answer.Metadata.SessionID == "" || answer.Metadata.Timestamp.IsZero() {
		t.Errorf("after %v, a repetition is answered %d %s", view, again.Code, again.Body)
	}
	if n := len(s.broker.events()); n != 1 {
		t.Errorf("%d events are published", n)
	}
}

// TestRepetitionsWithoutTheStore holds that messages are answered while the store is away,
// perhaps twice, and are one message.
func TestRepetitionsWithoutTheStore(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.away.Store(true)
	for range 2 {
		if rec := s.once("/chat/", keyedMessage); rec.Code != http.StatusOK {
			t.Fatalf("answered %d %s", rec.Code, rec.Body)
		}
	}
	published := s.broker.events()
	if len(published) != 2 || published[0].ID != published[1].ID {
		t.Errorf("published %+v; want copies of one event", published)
	}
}
