package flow

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// TestWalkThrough does what the tutorials do, in their order.
func TestWalkThrough(t *testing.T) {
	t.Parallel()
	for _, embedded := range []bool{false, true} {
		t.Run(map[bool]string{false: "on redis-server", true: "on the embedded Redis"}[embedded], func(t *testing.T) {
			t.Parallel()
			s := start(t, options{embedded: embedded})
			analytics, sidecar := s.analytics[0].URL, s.chat.DaprURL

			s.expect("GET", s.chat.URL+"/", "", 200, `{"message":"Welcome to the DACA Chat Service! Access /docs for the API documentation."}`)
			s.expect("GET", analytics+"/", "", 200, `{"message":"Welcome to the DACA Analytics Service! Access /docs for the API documentation."}`)
			s.expect("POST", analytics+"/analytics/alice/initialize", `{"message_count": 5}`, 200, `{"status":"success","user_id":"alice","message_count":5}`)
			s.expect("POST", analytics+"/analytics/bob/initialize", `{"message_count": 3}`, 200, `{"status":"success","user_id":"bob","message_count":3}`)
			s.expect("GET", analytics+"/analytics/alice", "", 200, `{"message_count":5}`)
			s.expect("GET", analytics+"/analytics/charlie", "", 404, `{"detail":"User not found"}`)

			// dapr publish --pubsub pubsub --topic messages --data …
			s.expect("POST", sidecar+"/v1.0/publish/pubsub/messages", `{"event_type": "MessageSent", "user_id": "alice"}`, 204, "")
			s.counted("alice", 6)
			// Service invocation from chat's sidecar.
			s.expect("GET", sidecar+"/v1.0/invoke/"+s.analytics[0].AppID+"/method/analytics/alice", "", 200, `{"message_count":6}`)

			got, err := s.send("POST", s.chat.URL+"/chat/", `{
				"user_id": "bob", "text": "Hello, how are you?",
				"metadata": {"timestamp": "2025-04-06T12:00:00Z", "session_id": "123e4567-e89b-12d3-a456-426614174001"},
				"tags": ["greeting"]}`)
			if err != nil || got.status != 200 || !strings.Contains(got.body, "3 messages so far") || !strings.Contains(got.body, "123e4567-e89b-12d3-a456-426614174001") {
				t.Errorf("POST /chat/ answers %d %s, %v", got.status, got.body, err)
			}
			s.counted("bob", 4)
			if reply := s.say("bob", "What time is it?"); !strings.Contains(reply, "4 messages so far") || !strings.Contains(reply, " UTC") {
				t.Errorf("the reply to the time is %q", reply)
			}
			s.counted("bob", 5)

			// Their exercise: a registered user is known, with count 0.
			s.expect("POST", s.chat.URL+"/users/dave/register", "", 202, `{"status":"accepted","user_id":"dave"}`)
			s.counted("dave", 0)
			s.say("dave", "hi")
			s.counted("dave", 1)
			s.expect("POST", s.chat.URL+"/users/dave/register", "", 202, `{"status":"accepted","user_id":"dave"}`)
			s.say("dave", "hi")
			s.counted("dave", 2)
		})
	}
}

// TestUserIDs holds that an id which one route accepts works on all of them,
// through service invocation, pub/sub and state.
func TestUserIDs(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	for i, id := range []string{"a||b", "../x", "a/b", "%2e%2e%2f", "a?b#c", "😀", "a b+c", "%_deadletters", "messages", strings.Repeat("é", 256)} {
		path := "/analytics/" + url.PathEscape(id)
		s.expect("POST", s.analytics[0].URL+path+"/initialize", fmt.Sprintf(`{"message_count":%d}`, 10*i+2), 200,
			fmt.Sprintf(`{"status":"success","user_id":%s,"message_count":%d}`, quote(id), 10*i+2))
		if reply, want := s.say(id, "hi"), fmt.Sprintf("%d messages so far", 10*i+2); !strings.Contains(reply, want) {
			t.Errorf("the reply to %q is %q; want %q in it", id, reply, want)
		}
		s.counted(id, 10*i+3)
	}
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return strings.NewReplacer(`\u0026`, "&", `\u003c`, "<", `\u003e`, ">").Replace(string(b))
}

// TestUsersAreKeptApart is invariant 4: many users at once, each of whom is
// told the own count and gets back the own words.
func TestUsersAreKeptApart(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	const users, rounds = 40, 3
	for i := range users {
		s.expect("POST", s.analytics[0].URL+fmt.Sprintf("/analytics/u%d/initialize?message_count=%d", i, 1000+i), "", 200,
			fmt.Sprintf(`{"status":"success","user_id":"u%d","message_count":%d}`, i, 1000+i))
	}
	var all sync.WaitGroup
	for i := range users {
		all.Go(func() {
			for round := range rounds {
				got, err := s.send("POST", s.chat.URL+"/chat/", fmt.Sprintf(`{"user_id":"u%d","text":"I am number %d."}`, i, i))
				if err != nil || got.status != 200 || !strings.Contains(got.body, fmt.Sprintf("I am number %d.", i)) ||
					!strings.Contains(got.body, fmt.Sprintf("%d messages so far", 1000+i+round)) {
					t.Errorf("round %d of user %d: %d %s, %v", round, i, got.status, got.body, err)
					return
				}
				s.counted(fmt.Sprintf("u%d", i), 1000+i+round+1)
			}
		})
	}
	all.Wait()
}

func TestIdempotencyKeyCountsOnce(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	for range 3 {
		s.say("alice", "hello", "Idempotency-Key", "one")
	}
	s.say("alice", "hello", "Idempotency-Key", "two")
	s.say("bob", "hello", "Idempotency-Key", "one")
	s.counted("alice", 2)
	s.counted("bob", 1)
}

// TestPoison is invariant 5: what cannot be handled is in the dead-letter
// topic, can be seen and replayed, and everything else is counted.
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
		{ce, `{"specversion":"1.0","id":"w","source":"s","type":"t","data":{"specversion":"1.0","id":"v","source":"s","type":"t","data":{"event_type":"MessageSent","user_id":"alice"}}}`},
	}
	got, err := s.send("POST", s.chat.DaprURL+"/v1.0/publish/pubsub/messages?metadata.rawPayload=true", "", "Content-Type", "text/plain")
	if err != nil || got.status != 204 {
		t.Fatalf("publishing nothing answers %d %s, %v", got.status, got.body, err)
	}
	for i, p := range poison {
		publish(p.contentType, p.body)
		s.publish("alice", fmt.Sprintf("good-%d", i))
	}
	s.counted("alice", len(poison))

	letters := s.deadLetters(len(poison) + 1)
	for _, l := range letters[1:] {
		if l.Topic != "messages" && l.Topic != "" || l.Reason == "" {
			t.Errorf("dead letter %+v; want its topic and a reason", l)
		}
	}
	// Letters that are replayed and still are poison come back, all of them.
	var replays sync.WaitGroup
	for _, l := range letters {
		if l.Topic != "" {
			replays.Go(func() {
				s.expect("POST", s.analytics[0].URL+"/deadletters/"+l.ID+"/replay", "", 200, fmt.Sprintf(`{"status":"replayed","id":%q}`, l.ID))
			})
		}
	}
	replays.Wait()
	s.settled()
	for _, l := range s.deadLetters(len(poison) + 1) {
		s.expect("DELETE", s.analytics[0].URL+"/deadletters/"+l.ID, "", 200, fmt.Sprintf(`{"status":"deleted","id":%q}`, l.ID))
	}
	s.expect("GET", s.analytics[0].URL+"/deadletters", "", 200, `{"deadletters":[]}`)
	s.counted("alice", len(poison))
}

type deadLetter struct{ ID, Topic, Reason string }

// deadLetters waits until there are n of them.
func (s *suite) deadLetters(n int) []deadLetter {
	s.t.Helper()
	var list struct{ DeadLetters []deadLetter }
	s.eventually(func() bool {
		got, err := s.send("GET", s.analytics[0].URL+"/deadletters", "")
		list.DeadLetters = nil
		return err == nil && json.Unmarshal([]byte(got.body), &list) == nil && len(list.DeadLetters) == n
	}, func() string { return fmt.Sprintf("there are %d dead letters; want %d", len(list.DeadLetters), n) })
	return list.DeadLetters
}

// TestModelFailures holds the documented answers with the real client, the
// real model server and the real broker behind: what is not answered is not
// counted, and no key comes out anywhere.
func TestModelFailures(t *testing.T) {
	t.Parallel()
	s := start(t, options{
		modelEnv: []string{"MODEL_API_KEY=sk-right-key", "MODEL_BEHAVIOUR=delay=0s"},
		chatEnv:  []string{"OPENAI_API_KEY=sk-wrong-key"},
	})
	got, err := s.send("POST", s.chat.URL+"/chat/", `{"user_id":"alice","text":"hi"}`)
	if err != nil || got.status != 502 || !strings.Contains(got.body, "API key") || strings.Contains(got.body, "sk-") {
		t.Errorf("a wrong key is answered %d %s, %v; want 502 that names the cause without the key", got.status, got.body, err)
	}
	if got, err := s.send("GET", s.chat.URL+"/readyz", ""); err != nil || got.status != 200 || !strings.Contains(got.body, `"model":"model unauthorized`) {
		t.Errorf("/readyz answers %d %s, %v; want 200 that names the model", got.status, got.body, err)
	}
	s.model.App.Kill()
	if got, err := s.send("POST", s.chat.URL+"/chat/", `{"user_id":"alice","text":"hi"}`); err != nil || got.status != 502 {
		t.Errorf("a model that is down is answered %d %s, %v; want 502", got.status, got.body, err)
	}
	s.expect("GET", s.analytics[0].URL+"/analytics/alice", "", 404, `{"detail":"User not found"}`)
}

// TestAppToken holds that where sidecars have an app token they deliver events
// with it, and nobody without it can.
func TestAppToken(t *testing.T) {
	t.Parallel()
	s := start(t, options{env: []string{"APP_API_TOKEN=s3cret"}})
	s.say("alice", "hello")
	s.counted("alice", 1)
	got, err := s.send("POST", s.analytics[0].URL+"/messages", `{"event_type":"MessageSent","user_id":"alice"}`)
	if err != nil || got.status != 401 {
		t.Errorf("without the token /messages answers %d %s, %v; want 401", got.status, got.body, err)
	}
	s.counted("alice", 1)
}
