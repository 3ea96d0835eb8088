package flow

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"daca/services/internal/stack"
)

// turnIDs returns the ids of the turns of a session.
func (s *system) turnIDs(on *stack.Service, user, id string) (ids []string) {
	s.t.Helper()
	got, err := s.send("GET", on.URL+"/users/"+user+"/sessions/"+id, "")
	s.must(err)
	var found struct{ Turns []struct{ ID string } }
	s.must(json.Unmarshal([]byte(got.body), &found))
	for _, turn := range found.Turns {
		ids = append(ids, turn.ID)
	}
	return ids
}

// replacing is the body of a message of ada's session s that replaces a turn.
func replacing(text, turnID string) string {
	return fmt.Sprintf(`{"user_id":"ada","text":%q,"metadata":{"session_id":"s"},"replaces":%q}`, text, turnID)
}

// TestATurnIsReplaced holds that the same message again counts nothing and gets the answer
// that it got, that another one counts once, and that both hold on another replica and when
// the one that answers dies.
func TestATurnIsReplaced(t *testing.T) {
	t.Parallel()
	needsLastingState(t)
	s := start(t, options{chats: 2, chatEnv: []string{slowly}})
	for i, text := range []string{"My name is Ada.", "What is my name?", "count to 3"} {
		s.toldOn(0, "ada", "s", text)
		s.exactly(map[string]int{"ada": i + 1})
	}
	ids := s.turnIDs(s.chats[0], "ada", "s")
	again := &view{s: s}
	s.must(again.read("POST", s.chats[1].URL+"/chat/stream", replacing("What is my name?", ids[1]), 1<<30))
	if reply := again.data().Reply; !strings.Contains(reply, "sent 1 message before") || !strings.Contains(reply, "Ada") {
		t.Errorf("the same message again is answered %s %s", again.last.Type, again.last.Data)
	}
	if said := s.turns(0, "ada", "s"); !slices.Equal(said, []string{"My name is Ada.", "What is my name?"}) {
		t.Errorf("the session has %q", said)
	}

	ids = s.turnIDs(s.chats[0], "ada", "s")
	const key = "Idempotency-Key"
	edited := replacing("My name is Eve.", ids[0])
	for _, chat := range s.chats {
		got, err := s.send("POST", chat.URL+"/chat/", edited, key, "k")
		if err != nil || got.status != http.StatusOK || !strings.Contains(got.body, "sent 3 messages before this one") {
			t.Errorf("another message is answered %d %s, %v", got.status, got.body, err)
		}
	}
	s.expect("POST", s.chats[1].URL+"/chat/", edited, 404, `{"detail":"Turn not found"}`)
	s.exactly(map[string]int{"ada": 4})
	if said := s.turns(1, "ada", "s"); !slices.Equal(said, []string{"My name is Eve."}) {
		t.Errorf("the session has %q", said)
	}

	ids = s.turnIDs(s.chats[1], "ada", "s")
	dying := &view{s: s}
	s.must(dying.read("POST", s.chats[0].URL+"/chat/stream", replacing("count to 200", ids[0]), 5))
	s.must(dying.on(s.chats[1], 3)) // the other replica has seen the owner alive
	s.chats[0].App.Kill()
	dying.toTheEnd(s.chats[1])
	if dying.last.Type != "error" {
		t.Errorf("the run of a dead replica ends with %s %s", dying.last.Type, dying.last.Data)
	}
	s.restart(s.chats[0].App)
	s.must(s.chats[0].WaitReady(t.Context()))
	if said := s.turns(0, "ada", "s"); !slices.Equal(said, []string{"My name is Eve."}) {
		t.Errorf("after the death of a replica the session has %q", said)
	}
	last := &view{s: s}
	s.must(last.read("POST", s.chats[0].URL+"/chat/stream", replacing("My name is Eve.", ids[0]), 1<<30))
	if !strings.Contains(last.data().Reply, "sent 3 messages before this one") {
		t.Errorf("the same message again is answered %s %s", last.last.Type, last.last.Data)
	}
	s.exactly(map[string]int{"ada": 4})
	if streams := s.servers.streams(); streams != nil {
		published, err := streams.client.XLen(t.Context(), "messages").Result()
		if err != nil || published != 4 {
			t.Errorf("%d events were published, %v; want 4", published, err)
		}
	}
}
