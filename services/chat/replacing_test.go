package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"daca/services/chat/agent"
	"daca/services/chat/runs"
	"daca/services/internal/contract"
	"daca/services/internal/state/statetest"
)

// replacing is the body of a message of bob's session s that replaces a turn.
func replacing(text, turnID string) string {
	return fmt.Sprintf(`{"user_id":"bob","text":%q,"metadata":{"session_id":"s"},"replaces":%q}`, text, turnID)
}

// replace sends a message that replaces a turn, plain or streamed.
func (s *service) replace(t *testing.T, path, text, turnID string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	rec := s.Send("POST", path, replacing(text, turnID), headers...)
	if rec.Code != 200 || path == "/chat/stream" && !strings.Contains(rec.Body.String(), "event: message") {
		t.Fatalf("POST %s in the place of %s answers %d %s", path, turnID, rec.Code, rec.Body)
	}
	return rec
}

// said returns the texts and the ids of the turns of bob's session s.
func (s *service) said(t *testing.T) (said, ids []string) {
	t.Helper()
	for _, turn := range s.session(t, "bob", "s").Turns {
		said = append(said, turn.Text)
		ids = append(ids, turn.ID)
	}
	return said, ids
}

// expectSaid fails unless bob's session s has the texts, and n events are published.
func (s *service) expectSaid(t *testing.T, n int, want ...string) {
	t.Helper()
	if got, _ := s.said(t); !slices.Equal(got, want) {
		t.Errorf("the session has %q; want %q", got, want)
	}
	if got := s.broker.events(); len(got) != n {
		t.Errorf("%d events are published: %+v; want %d", len(got), got, n)
	}
}

// tellAll sends messages of bob's session s, and returns the ids of its turns.
func (s *service) tellAll(t *testing.T, said ...string) []string {
	t.Helper()
	for _, text := range said {
		s.tell(t, "bob", "s", text)
	}
	_, ids := s.said(t)
	return ids
}

// TestTheSameMessageAgain holds that it replaces its turn and all later ones, that it does
// not count again, and that the agent is told what it was told the first time.
func TestTheSameMessageAgain(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/chat/", "/chat/stream"} {
		s := newService(t)
		other := newReplica(t, s)
		ids := s.tellAll(t, "one", "two", "three")
		for i, replica := range []*service{s, other} {
			replica.counts.n = 30
			replica.replace(t, path, "two", ids[1])
			asked := replica.agent.last
			if len(asked.History) != 2 || asked.History[0].Content != "one" ||
				!strings.Contains(asked.Instructions, "has sent 3 messages so far") {
				t.Errorf("replica %d asks the agent %+v", i, asked)
			}
			before := ids[1]
			s.expectSaid(t, 3, "one", "two")
			if _, ids = s.said(t); ids[1] == before {
				t.Errorf("the new turn has the id of the old one, %s", before)
			}
		}
		s.tell(t, "bob", "s", "four")
		s.expectSaid(t, 4, "one", "two", "four")
	}
}

// TestAnotherMessageInThePlaceOfATurn holds that it is a new one, which counts once.
func TestAnotherMessageInThePlaceOfATurn(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/chat/", "/chat/stream"} {
		s := newService(t)
		ids := s.tellAll(t, "one", "two")
		s.counts.n = 30
		s.replace(t, path, "One", ids[0])
		if asked := s.agent.last; len(asked.History) != 0 || !strings.Contains(asked.Instructions, "has sent 30 messages") {
			t.Errorf("the agent is asked %+v", asked)
		}
		s.expectSaid(t, 3, "One")
		if _, got := s.said(t); got[0] != s.broker.events()[2].ID {
			t.Errorf("the turn has the id %s; want that of the event", got[0])
		}
		if title := s.session(t, "bob", "s").Title; title != "One" {
			t.Errorf("the title is %q", title)
		}
	}
}

// TestACountThatWasNotKnown holds that the agent is not told a count with the message in it.
func TestACountThatWasNotKnown(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.counts.err = errors.New("analytics is away")
	ids := s.tellAll(t, "one")
	s.counts.err = nil
	s.replace(t, "/chat/", "one", ids[0])
	if asked := s.agent.last.Instructions; strings.Contains(asked, "messages so far") {
		t.Errorf("the agent is told %q", asked)
	}
}

// TestNothingIsReplaced holds what is answered before anything runs.
func TestNothingIsReplaced(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ids := s.tellAll(t, "one")
	s.agent.err = errors.New("the model was asked")
	for _, path := range []string{"/chat/", "/chat/stream"} {
		for body, want := range map[string]string{
			fmt.Sprintf(`{"user_id":"bob","text":"one","replaces":%q}`, ids[0]):               "metadata.session_id",
			fmt.Sprintf(`{"user_id":"bob","text":"one","replaces":%q,"metadata":{}}`, ids[0]): `["body","replaces"]`,
			`{"user_id":"bob","text":"one","replaces":"","metadata":{"session_id":"s"}}`:      "string_too_short",
			`{"user_id":"bob","text":"one","replaces":7,"metadata":{"session_id":"s"}}`:       "string_type",
			replacing("one", strings.Repeat("x", 65)):                                         "string_too_long",
		} {
			s.ExpectProblem(t, "POST", path, body, 422, want)
		}
		for _, body := range []string{
			replacing("one", "unknown"),
			strings.Replace(replacing("one", ids[0]), `"s"`, `"other"`, 1),
			strings.Replace(replacing("one", ids[0]), "bob", "eve", 1),
		} {
			s.Expect(t, "POST", path, body, 404, `{"detail":"Turn not found"}`)
			// A key that was not used for an answer can be used for another message.
			s.ExpectProblem(t, "POST", path, body, 404, "Turn not found", "Idempotency-Key", "free")
		}
		s.away.Store(true)
		for _, headers := range [][]string{nil, {"Idempotency-Key", "k"}} {
			rec := s.ExpectProblem(t, "POST", path, replacing("one", ids[0]), 503, "statestore is unavailable", headers...)
			if rec.Header().Get("Retry-After") == "" {
				t.Errorf("the refusal has the headers %v", rec.Header())
			}
		}
		s.away.Store(false)
	}
	// The session can be read, and nobody knows whether an earlier request has replaced the turn.
	works := *s.streams.keys
	s.streams.keys.store = &statetest.Store{Fail: func(string, ...string) statetest.Fault { return statetest.Before }}
	for _, turnID := range []string{ids[0], "unknown"} {
		s.ExpectProblem(t, "POST", "/chat/", replacing("one", turnID), 503, "Try again later", "Idempotency-Key", "k")
	}
	*s.streams.keys = works
	s.agent.err = nil
	s.tell(t, "bob", "s", "two", "Idempotency-Key", "free")
	s.expectSaid(t, 2, "one", "two")
}

// TestAFailureReplacesNothing holds that of the model, and that of the event.
func TestAFailureReplacesNothing(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/chat/", "/chat/stream"} {
		for _, headers := range [][]string{nil, {"Idempotency-Key", "k"}} {
			s := newService(t)
			ids := s.tellAll(t, "one", "two")
			s.agent.err = &agent.Error{Kind: agent.Timeout}
			s.Send("POST", path, replacing("one", ids[0]), headers...)
			s.agent.err = nil
			s.expectSaid(t, 2, "one", "two")
			s.broker.fail(errors.New("broker down"))
			_ = s.spool.Close()
			if rec := s.Send("POST", path, replacing("ONE", ids[0])); !strings.Contains(rec.Body.String(), "Send it again") {
				t.Errorf("without broker and spool the answer is %d %s", rec.Code, rec.Body)
			}
			s.expectSaid(t, 2, "one", "two")
			s.replace(t, path, "one", ids[0], headers...) // it has counted already
			s.expectSaid(t, 2, "one")
		}
	}
}

// TestAStoppedAnswerReplaces holds that what there was of it does, and nothing does not.
func TestAStoppedAnswerReplaces(t *testing.T) {
	t.Parallel()
	for words, want := range map[string][]string{"Hello": {"one"}, "": {"one", "two"}} {
		s := newService(t)
		ids := s.tellAll(t, "one", "two")
		model := newSpeaker(strings.Fields(words)...)
		s.speak(model)
		first := make(chan *httptest.ResponseRecorder)
		go func() {
			first <- s.Send("POST", "/chat/stream", replacing("one", ids[0]), "Idempotency-Key", "k")
		}()
		<-model.said
		var holds keyed
		key := contract.IdempotencyKey(contract.MessageSent, "bob", "k")
		if err := json.Unmarshal(s.store.Value(key), &holds); err != nil {
			t.Fatal(err)
		}
		s.Send("DELETE", "/runs/"+holds.RunID, "")
		all := events(t, (<-first).Body)
		s.expectSaid(t, 2, want...)
		if turn := s.session(t, "bob", "s").Turns[0]; turn.Stopped != (words != "") {
			t.Errorf("after %v the turn is %+v", all, turn)
		}
	}
}

// TestRepetitionsThatReplace holds that a repetition gets the answer of the first request
// when the turn is gone, and that the turn is a part of the message.
func TestRepetitionsThatReplace(t *testing.T) {
	t.Parallel()
	s := newService(t)
	other := newReplica(t, s)
	ids := s.tellAll(t, "one", "two")
	first := s.replace(t, "/chat/", "one", ids[0], "Idempotency-Key", "k")
	other.agent.err = errors.New("the model was asked again")
	for range 2 {
		expectAgain(t, first, other.once("/chat/", replacing("one", ids[0])))
		view := events(t, other.once("/chat/stream", replacing("one", ids[0])).Body)
		if last := view[len(view)-1]; last.name != "message" {
			t.Errorf("the stream of a repetition ends with %+v", last)
		}
	}
	for _, body := range []string{replacing("one", ids[1]), replacing("One", ids[0]),
		`{"user_id":"bob","text":"one","metadata":{"session_id":"s"}}`} {
		other.ExpectProblem(t, "POST", "/chat/", body, 422, "was used for another message", "Idempotency-Key", "k")
	}
	s.ExpectProblem(t, "POST", "/chat/", replacing("one", ids[0]), 404, "Turn not found", "Idempotency-Key", "k2")
	s.expectSaid(t, 2, "one")
}

// TestTwoReplicasReplaceATurn holds that both answers are kept: the second one comes after
// the first, because its turn went away. Requests with one key are one answer.
func TestTwoReplicasReplaceATurn(t *testing.T) {
	t.Parallel()
	s := newService(t)
	replicas := []*service{s, newReplica(t, s)}
	ids := s.tellAll(t, "one", "two", "three")
	var opened, all sync.WaitGroup
	opened.Add(len(replicas))
	for i, replica := range replicas {
		replica.streams.chat.agent = waiter{&opened, replica.agent}
		all.Go(func() { replica.replace(t, "/chat/stream", fmt.Sprint("two ", i), ids[1]) })
	}
	all.Wait()
	for _, replica := range replicas {
		replica.streams.chat.agent = replica.agent
	}
	got, ids := s.said(t)
	slices.Sort(got)
	if !slices.Equal(got, []string{"one", "two 0", "two 1"}) || len(s.broker.events()) != 5 {
		t.Errorf("the session has %q, and %d events are published", got, len(s.broker.events()))
	}
	for i := range 8 {
		all.Go(func() {
			rec := replicas[i%2].once("/chat/stream", replacing("one", ids[0]))
			if view := texts(events(t, rec.Body)); rec.Code != 200 || !strings.HasPrefix(view[len(view)-1], "message") {
				t.Errorf("a request with the key is answered %d %v", rec.Code, view)
			}
		})
	}
	all.Wait()
	s.expectSaid(t, 5, "one")
}

// waiter is an agent that answers when all have been asked.
type waiter struct {
	asked *sync.WaitGroup
	responder
}

func (w waiter) Run(ctx context.Context, request agent.Request) (agent.Answer, error) {
	w.asked.Done()
	w.asked.Wait()
	return w.responder.Run(ctx, request)
}

// TestAnotherReplicaReplaces holds that a replica which finishes the run of a dead one knows
// from its document what to replace and whether to count, and that it changes nothing if the
// dead one had done it all.
func TestAnotherReplicaReplaces(t *testing.T) {
	t.Parallel()
	for text, counted := range map[string]int{"two": 3, "Two": 4} {
		s := newService(t)
		other := newReplica(t, s)
		ids := s.tellAll(t, "one", "two", "three")
		var in chatInput
		if err := json.Unmarshal([]byte(replacing(text, ids[1])), &in.Body); err != nil {
			t.Fatal(err)
		}
		in.IdempotencyKey = "k"
		m, _, err := s.streams.admit(t.Context(), &in)
		if err != nil {
			t.Fatal(err)
		}
		outcome := s.streams.produce(t.Context(), m, func(runs.Entry) {})
		s.expectSaid(t, 3, "one", "two", "three")
		info := runs.Info{ID: m.run, UserID: "bob", SessionID: "s"}
		for _, settle := range []runs.Settle{other.streams.settle, s.streams.settle, other.streams.settle} {
			if ended := settle(t.Context(), info, outcome); ended.Last.Kind != runs.Message {
				t.Errorf("the run ends with %+v", ended)
			}
		}
		distinct := map[string]bool{}
		for _, e := range s.broker.events() {
			distinct[e.ID] = true
		}
		if got, _ := s.said(t); !slices.Equal(got, []string{"one", text}) || len(distinct) != counted {
			t.Errorf("after %q the session has %q, and %d messages count; want %d", text, got, len(distinct), counted)
		}
		if turn := s.session(t, "bob", "s").Turns[1]; turn.MessageCount == nil || *turn.MessageCount != 3 {
			t.Errorf("the turn is %+v", turn)
		}
	}
}

// TestDigestsOfEarlierVersions holds that a key means the same message after an upgrade.
func TestDigestsOfEarlierVersions(t *testing.T) {
	t.Parallel()
	var in chatInput
	in.Body.UserID, in.Body.Text = "bob", "hi"
	const want = "fec1f81d476a94ffeb01813916431f26c8c8f247d424de358c3d64814ee3a529"
	if got, err := in.digest(); err != nil || got != want {
		t.Errorf("the digest is %s, %v; want %s", got, err, want)
	}
	in.Body.Replaces = "a"
	if got, err := in.digest(); err != nil || got == want {
		t.Errorf("the digest with a turn is the same, %v", err)
	}
}

// TestASessionIsDeletedWhileATurnIsReplaced holds that the answer does not bring it back.
func TestASessionIsDeletedWhileATurnIsReplaced(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ids := s.tellAll(t, "one")
	model := newSpeaker("Hello")
	s.speak(model)
	first := make(chan *httptest.ResponseRecorder)
	go func() { first <- s.Send("POST", "/chat/stream", replacing("one", ids[0])) }()
	<-model.said
	s.Expect(t, "DELETE", "/users/bob/sessions/s", "", 200, `{"status":"deleted","session_id":"s"}`)
	close(model.finish)
	if got := (<-first).Body.String(); !strings.Contains(got, `"kept":false`) {
		t.Errorf("the stream is %s", got)
	}
	s.Expect(t, "GET", "/users/bob/sessions/s", "", 404, `{"detail":"Session not found"}`)
}
