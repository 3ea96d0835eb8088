package flow

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestPoison holds that an event which cannot be handled becomes a dead letter, which
// can be listed and replayed, and that all other events are counted.
func TestPoison(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	publish := func(contentType, body string) {
		t.Helper()
		got, err := s.send("POST", s.chat.DaprURL+"/v1.0/publish/pubsub/messages", body, "Content-Type", contentType)
		if err != nil || got.status != 204 {
			t.Fatalf("publishing %s answers %d %s, %v", body, got.status, got.body, err)
		}
	}
	const ce = "application/cloudevents+json"
	poison := []struct{ contentType, body string }{
		{"application/json", `{"event_type":"MessageSent","user_id":".."}`},
		{"application/json", `{"event_type":"MessageSent","user_id":"a\r\nb"}`},
		{"application/json", `{"event_type":7,"user_id":"alice"}`},
		{"application/json", `{"event_type":"Unknown","user_id":"alice"}`},
		{"text/plain", `{"event_type":"MessageSent","user_id":"alice"}`},
		{"application/octet-stream", `{"event_type":"MessageSent","user_id":"alice"}`},
		{ce, `{"specversion":"1.0","source":"s","type":"t","data":{"event_type":"MessageSent","user_id":"alice"}}`},
		{ce, `{"specversion":"1.0","id":"w","source":"s","type":"t","data":` +
			`{"specversion":"1.0","id":"v","source":"s","type":"t","data":{"event_type":"MessageSent","user_id":"alice"}}}`},
	}
	got, err := s.send("POST", s.chat.DaprURL+"/v1.0/publish/pubsub/messages?metadata.rawPayload=true", "",
		"Content-Type", "text/plain")
	if err != nil || got.status != 204 {
		t.Fatalf("publishing nothing answers %d %s, %v", got.status, got.body, err)
	}
	for i, p := range poison {
		publish(p.contentType, p.body)
		s.publish("alice", fmt.Sprintf("good-%d", i))
	}
	s.counted("alice", len(poison))

	letters := s.deadLetters(len(poison) + 1)
	for _, l := range letters {
		if l.Topic != "messages" || l.Reason == "" {
			t.Errorf("dead letter %+v; want its topic and a reason", l)
		}
		got, err := s.send("POST", s.analytics[0].URL+"/deadletters/"+l.ID+"/replay", "")
		if err != nil || got.status != 409 || !strings.Contains(got.body, "cannot be replayed: ") {
			t.Errorf("replaying %+v answers %d %s, %v; want 409", l, got.status, got.body, err)
		}
	}
	s.settled()
	for _, l := range s.deadLetters(len(poison) + 1) {
		s.expect("DELETE", s.analytics[0].URL+"/deadletters/"+l.ID, "", 200,
			fmt.Sprintf(`{"status":"deleted","id":%q}`, l.ID))
	}
	s.expect("GET", s.analytics[0].URL+"/deadletters", "", 200, `{"deadletters":[]}`)
	s.counted("alice", len(poison))
}

type deadLetter struct{ ID, Topic, Reason string }

// deadLetters waits until there are n dead letters, and returns them.
func (s *system) deadLetters(n int) []deadLetter {
	s.t.Helper()
	var list struct{ DeadLetters []deadLetter }
	s.eventually(func() bool {
		got, err := s.send("GET", s.analytics[0].URL+"/deadletters", "")
		list.DeadLetters = nil
		return err == nil && json.Unmarshal([]byte(got.body), &list) == nil && len(list.DeadLetters) == n
	}, func() string { return fmt.Sprintf("there are %d dead letters; want %d", len(list.DeadLetters), n) })
	return list.DeadLetters
}
