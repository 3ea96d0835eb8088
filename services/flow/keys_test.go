package flow

import (
	"testing"
)

// TestARepetitionGetsTheAnswerOfTheFirst holds that requests with one Idempotency-Key are
// answered once, and are one event, whichever replica of chat they reach, and after a
// restart.
func TestARepetitionGetsTheAnswerOfTheFirst(t *testing.T) {
	t.Parallel()
	s := start(t, options{chats: 2})
	const message = `{"user_id":"alice","text":"hi"}`
	var first answer
	for i, chat := range append(s.chats, s.chats...) {
		got, err := s.send("POST", chat.URL+"/chat/", message, "Idempotency-Key", "k")
		if err != nil || got.status != 200 {
			t.Fatalf("a message is answered %d %s, %v", got.status, got.body, err)
		}
		if i == 0 {
			first = got
		}
		if got.body != first.body { // the timestamp alone would tell another answer
			t.Errorf("repetition %d is answered %s; the first was %s", i, got.body, first.body)
		}
	}
	s.exactly(map[string]int{"alice": 1})
	if streams := s.servers.streams(); streams != nil {
		s.oneEvent(streams)
	}
	s.chats[0].App.Kill()
	s.restart(s.chats[0].App)
	s.must(s.chats[0].WaitReady(t.Context()))
	got, err := s.send("POST", s.chats[0].URL+"/chat/", message, "Idempotency-Key", "k")
	if err != nil || got.body != first.body {
		t.Errorf("after a restart, a repetition is answered %d %s, %v; the first was %s",
			got.status, got.body, err, first.body)
	}
	other, err := s.send("POST", s.chats[1].URL+"/chat/", `{"user_id":"alice","text":"ho"}`, "Idempotency-Key", "k")
	if err != nil || other.status != 422 {
		t.Errorf("another message under the same key is answered %d %s, %v", other.status, other.body, err)
	}
	s.exactly(map[string]int{"alice": 1})
}

// oneEvent holds that one event was published.
func (s *system) oneEvent(streams *streams) {
	s.t.Helper()
	published, err := streams.client.XRange(s.t.Context(), "messages", "-", "+").Result()
	s.must(err)
	if len(published) != 1 {
		s.t.Errorf("%d events were published, as %v; want one", len(published), published)
	}
}
