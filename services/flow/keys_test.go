package flow

import (
	"encoding/json"
	"testing"
)

// TestCopiesOfAKeyAgree holds that messages with one Idempotency-Key are one event,
// with one time, whichever replica of chat answers them. The counter looks for the
// copy of an event by its time: copies with times of their own would count twice as
// soon as the first is not among the newest events.
func TestCopiesOfAKeyAgree(t *testing.T) {
	t.Parallel()
	s := start(t, options{chats: 2})
	for _, chat := range append(s.chats, s.chats...) {
		got, err := s.send("POST", chat.URL+"/chat/", `{"user_id":"alice","text":"hi"}`, "Idempotency-Key", "k")
		if err != nil || got.status != 200 {
			t.Fatalf("a message is answered %d %s, %v", got.status, got.body, err)
		}
	}
	s.exactly(map[string]int{"alice": 1})
	if streams := s.servers.streams(); streams != nil {
		s.oneEvent(streams, 4)
	}
	// 300 messages later, the event is sealed. A copy is still found.
	s.publishAll(300, []string{"alice"})
	s.settled()
	got, err := s.count("alice")
	s.must(err)
	_, err = s.send("POST", s.chats[1].URL+"/chat/", `{"user_id":"alice","text":"hi"}`, "Idempotency-Key", "k")
	s.must(err)
	s.settled()
	if after, err := s.count("alice"); err != nil || after != got {
		t.Errorf("after another copy the count is %v, %v; want %v", after, err, got)
	}
}

// oneEvent holds that what was published are copies of one event.
func (s *system) oneEvent(streams *streams, copies int) {
	s.t.Helper()
	published, err := streams.client.XRange(s.t.Context(), "messages", "-", "+").Result()
	s.must(err)
	events := map[string]int{}
	for _, entry := range published {
		data, _ := entry.Values["data"].(string)
		var event struct{ ID, Time string }
		s.must(json.Unmarshal([]byte(data), &event))
		events[event.ID+" "+event.Time]++
	}
	if len(published) != copies || len(events) != 1 {
		s.t.Errorf("%d copies were published, as %v; want %d with one id and time", len(published), events, copies)
	}
}
