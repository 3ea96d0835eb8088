package flow

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// recaller is a model that answers with the first thing that the user said in the
// conversation. What contains "wait" it answers when it is told to.
type recaller struct {
	*httptest.Server

	asked chan string // what the user said, if it contains "wait"
	goOn  chan struct{}
}

func newRecaller(t testing.TB) *recaller {
	r := &recaller{asked: make(chan string), goOn: make(chan struct{})}
	r.Server = httptest.NewServer(http.HandlerFunc(r.answer))
	t.Cleanup(r.Close)
	return r
}

func (r *recaller) answer(w http.ResponseWriter, req *http.Request) {
	var request struct {
		Messages []struct{ Role, Content string }
	}
	if err := json.NewDecoder(req.Body).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var said []string
	for _, m := range request.Messages {
		if m.Role == "user" {
			said = append(said, m.Content)
		}
	}
	if last := said[len(said)-1]; strings.Contains(last, "wait") {
		r.asked <- last
		<-r.goOn
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"choices": []any{map[string]any{
		"finish_reason": "stop",
		"message": map[string]string{
			"role": "assistant", "content": fmt.Sprintf("first of %d: %s", len(said), said[0]),
		},
	}}})
}

// toldOn sends a message of a session to a replica, and returns the answer.
func (s *system) toldOn(replica int, user, id, text string) (reply, metadata string) {
	s.t.Helper()
	body := fmt.Sprintf(`{"user_id":%q,"text":%q,"metadata":{"session_id":%q}}`, user, text, id)
	got, err := s.send("POST", s.chats[replica].URL+"/chat/", body)
	var answer struct {
		Reply    string
		Metadata json.RawMessage
	}
	if err != nil || got.status != 200 || json.Unmarshal([]byte(got.body), &answer) != nil {
		s.t.Errorf("POST /chat/ %s answers %d %s, %v", body, got.status, got.body, err)
		return "", ""
	}
	_, metadata, _ = strings.Cut(string(answer.Metadata), `"session_id":`)
	return answer.Reply, `"session_id":` + metadata
}

// turns returns what the user said in a session, as a replica knows it.
func (s *system) turns(replica int, user, id string) (said []string) {
	s.t.Helper()
	got, err := s.send("GET", s.chats[replica].URL+"/users/"+user+"/sessions/"+id, "")
	var found struct{ Turns []struct{ Text string } }
	if err != nil || got.status != 200 || json.Unmarshal([]byte(got.body), &found) != nil {
		s.t.Fatalf("session %s of %s: %d %s, %v", id, user, got.status, got.body, err)
	}
	for _, turn := range found.Turns {
		said = append(said, turn.Text)
	}
	return said
}

// TestConversations holds that a message is answered from what was said before in its
// session, on whichever replica, and from nothing that another user said.
func TestConversations(t *testing.T) {
	t.Parallel()
	model := newRecaller(t)
	s := start(t, options{chats: replicas(t, 2), chatEnv: []string{"OPENAI_BASE_URL=" + model.URL}})
	other := len(s.chats) - 1
	told := func(replica int, user, id, text, want string) {
		t.Helper()
		if reply, metadata := s.toldOn(replica, user, id, text); reply != want ||
			metadata != fmt.Sprintf(`"session_id":%q}`, id) {
			t.Errorf("the answer to %q is %q, %s; want %q", text, reply, metadata, want)
		}
	}
	told(0, "ada", "s", "My name is Ada.", "first of 1: My name is Ada.")
	told(other, "ada", "s", "What is my name?", "first of 2: My name is Ada.")
	told(0, "eve", "s", "What is my name?", "first of 1: What is my name?")
	told(0, "ada", "t", "What is my name?", "first of 1: What is my name?")
	s.exactly(map[string]int{"ada": 3, "eve": 1})

	sessions := s.chats[other].URL + "/users/ada/sessions"
	var list answer
	s.eventually(func() bool { // a replica writes the list beside its answer
		var err error
		list, err = s.send("GET", sessions, "")
		return err == nil && strings.Count(list.body, `"session_id"`) == 2 &&
			strings.Contains(list.body, `"session_id":"s","title":"My name is Ada."`)
	}, func() string { return fmt.Sprintf("the sessions are %d %s", list.status, list.body) })
	got, err := s.send("PATCH", sessions+"/s", `{"title":"Names"}`)
	if err != nil || got.status != 200 || !strings.Contains(got.body, `"title":"Names"`) {
		t.Errorf("renaming answers %d %s, %v", got.status, got.body, err)
	}
	s.expect("DELETE", sessions+"/s", "", 200, `{"status":"deleted","session_id":"s"}`)
	s.expect("GET", s.chat.URL+"/users/ada/sessions/s", "", 404, `{"detail":"Session not found"}`)
	told(other, "ada", "s", "Hello", "first of 1: Hello")
}

// TestOneSessionOnTwoReplicas has messages of one session at once. Each is there once, and
// one that was answered before another was sent comes before it.
func TestOneSessionOnTwoReplicas(t *testing.T) {
	t.Parallel()
	model := newRecaller(t)
	s := start(t, options{chats: 2, chatEnv: []string{
		"OPENAI_BASE_URL=" + model.URL, "PUBLISH_BUDGET=30s", "ANALYTICS_TIMEOUT=30s",
	}})
	const clients, rounds = 6, 8
	sent, answered := map[string]time.Time{}, map[string]time.Time{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for client := range clients {
		all.Go(func() {
			for round := range rounds {
				text := fmt.Sprintf("%d-%d", client, round)
				began := time.Now()
				_, metadata := s.toldOn((client+round)%2, "ada", "s", text)
				mu.Lock()
				sent[text], answered[text] = began, time.Now()
				mu.Unlock()
				if strings.Contains(metadata, `"kept"`) || strings.Contains(metadata, `"history"`) {
					t.Errorf("the answer to %s has the metadata %s", text, metadata)
				}
			}
		})
	}
	all.Wait()
	said := s.turns(0, "ada", "s")
	distinct := slices.Compact(slices.Sorted(slices.Values(said)))
	if len(said) != clients*rounds || len(distinct) != len(said) {
		t.Errorf("the session has %d turns, %d different ones; want %d", len(said), len(distinct), clients*rounds)
	}
	for i, later := range said {
		for _, earlier := range said[:i] {
			if answered[later].Before(sent[earlier]) {
				t.Errorf("%s was answered before %s was sent, and comes after it", later, earlier)
			}
		}
	}
	s.exactly(map[string]int{"ada": clients * rounds})
}

// TestASessionIsDeletedDuringAnAnswer holds that the answer does not bring it back.
func TestASessionIsDeletedDuringAnAnswer(t *testing.T) {
	t.Parallel()
	model := newRecaller(t)
	s := start(t, options{chatEnv: []string{"OPENAI_BASE_URL=" + model.URL}})
	s.toldOn(0, "ada", "s", "secret")
	var answering sync.WaitGroup
	answering.Go(func() {
		if _, metadata := s.toldOn(0, "ada", "s", "wait"); metadata != `"session_id":"s","kept":false}` {
			t.Errorf("the answer has the metadata %s", metadata)
		}
	})
	<-model.asked
	s.expect("DELETE", s.chat.URL+"/users/ada/sessions/s", "", 200, `{"status":"deleted","session_id":"s"}`)
	close(model.goOn)
	answering.Wait()
	s.expect("GET", s.chat.URL+"/users/ada/sessions/s", "", 404, `{"detail":"Session not found"}`)
	s.expect("GET", s.chat.URL+"/users/ada/sessions", "", 200, `{"sessions":[]}`)
	s.toldOn(0, "ada", "s", "anew")
	if said := s.turns(0, "ada", "s"); !slices.Equal(said, []string{"anew"}) {
		t.Errorf("the session that begins anew has %q", said)
	}
}

// TestConversationsWithoutTheStore holds that messages are answered, counted, and say that
// they are not remembered, and that what was said before the outage is known after it.
func TestConversationsWithoutTheStore(t *testing.T) {
	t.Parallel()
	needsStoreServer(t)
	model := newRecaller(t)
	s := start(t, options{failing: true, chatEnv: []string{"OPENAI_BASE_URL=" + model.URL}})
	s.toldOn(0, "ada", "s", "one")
	s.must(s.servers.store.Stop(t.Context()))
	for _, text := range []string{"two", "three"} {
		reply, metadata := s.toldOn(0, "ada", "s", text)
		if reply != "first of 1: "+text || metadata != `"session_id":"s","history":"unavailable","kept":false}` {
			t.Errorf("without the store the answer is %q, %s", reply, metadata)
		}
	}
	got, err := s.send("GET", s.chat.URL+"/readyz", "")
	if err != nil || got.status != 200 || !strings.Contains(got.body, `"degraded"`) ||
		strings.Contains(got.body, `"statestore":"ok"`) {
		t.Errorf("/readyz answers %d %s, %v; want 200 that names statestore", got.status, got.body, err)
	}
	got, err = s.send("GET", s.chat.URL+"/users/ada/sessions/s", "")
	if err != nil || got.status != 503 {
		t.Errorf("the session is %d %s, %v; want 503", got.status, got.body, err)
	}
	s.must(s.servers.store.Start(t.Context()))
	s.eventually(func() bool {
		got, err = s.send("GET", s.chat.URL+"/users/ada/sessions/s", "")
		return err == nil && got.status == 200
	}, func() string { return fmt.Sprintf("the session is %d %s, %v", got.status, got.body, err) })
	reply, metadata := s.toldOn(0, "ada", "s", "four")
	if reply != "first of 2: one" || metadata != `"session_id":"s"}` {
		t.Errorf("after the outage the answer is %q, %s", reply, metadata)
	}
	if said := s.turns(0, "ada", "s"); !slices.Equal(said, []string{"one", "four"}) {
		t.Errorf("the session has the turns %q", said)
	}
	s.exactly(map[string]int{"ada": 4})
}

// TestSessionsAreForgotten holds that the store itself forgets a session.
func TestSessionsAreForgotten(t *testing.T) {
	t.Parallel()
	model := newRecaller(t)
	s := start(t, options{chatEnv: []string{"OPENAI_BASE_URL=" + model.URL, "SESSION_TTL=2s"}})
	s.toldOn(0, "ada", "s", "one")
	s.turns(0, "ada", "s")
	var got answer
	s.eventually(func() bool {
		var err error
		got, err = s.send("GET", s.chat.URL+"/users/ada/sessions/s", "")
		return err == nil && got.status == 404
	}, func() string { return fmt.Sprintf("the session is still %d %s", got.status, got.body) })
	if reply, _ := s.toldOn(0, "ada", "s", "two"); reply != "first of 1: two" {
		t.Errorf("the answer is %q", reply)
	}
}
