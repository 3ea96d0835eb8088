package flow

import (
	"strings"
	"testing"
)

// TestWalkThrough does what the tutorials do, in their order.
func TestWalkThrough(t *testing.T) {
	t.Parallel()
	t.Run("on servers", func(t *testing.T) {
		t.Parallel()
		walkThrough(start(t, options{}))
	})
	t.Run("on the embedded Redis", func(t *testing.T) {
		t.Parallel()
		needsDefaultPair(t)
		walkThrough(start(t, options{embedded: true}))
	})
}

func walkThrough(s *system) {
	s.t.Helper()
	chat := s.chat.URL
	analytics := s.analytics[0].URL
	sidecar := s.chat.DaprURL

	s.expect("GET", chat+"/", "", 200,
		`{"message":"Welcome to the DACA Chat Service! Access /docs for the API documentation."}`)
	s.expect("GET", analytics+"/", "", 200,
		`{"message":"Welcome to the DACA Analytics Service! Access /docs for the API documentation."}`)
	s.expect("POST", analytics+"/analytics/alice/initialize", `{"message_count": 5}`, 200,
		`{"status":"success","user_id":"alice","message_count":5}`)
	s.expect("POST", analytics+"/analytics/bob/initialize", `{"message_count": 3}`, 200,
		`{"status":"success","user_id":"bob","message_count":3}`)
	s.expect("GET", analytics+"/analytics/alice", "", 200, `{"message_count":5}`)
	s.expect("GET", analytics+"/analytics/charlie", "", 404, `{"detail":"User not found"}`)

	// dapr publish --pubsub pubsub --topic messages --data …
	s.expect("POST", sidecar+"/v1.0/publish/pubsub/messages", `{"event_type": "MessageSent", "user_id": "alice"}`, 204, "")
	s.counted("alice", 6)
	s.expect("GET", s.chat.InvokeURL(s.analytics[0], "analytics/alice"), "", 200, `{"message_count":6}`)

	got, err := s.send("POST", chat+"/chat/", `{
		"user_id": "bob", "text": "Hello, how are you?",
		"metadata": {"timestamp": "2025-04-06T12:00:00Z", "session_id": "123e4567-e89b-12d3-a456-426614174001"},
		"tags": ["greeting"]}`)
	if err != nil || got.status != 200 || !strings.Contains(got.body, "3 messages before this one") ||
		!strings.Contains(got.body, "123e4567-e89b-12d3-a456-426614174001") {
		s.t.Errorf("POST /chat/ answers %d %s, %v", got.status, got.body, err)
	}
	s.counted("bob", 4)
	reply := s.say("bob", "What time is it?")
	if !strings.Contains(reply, "4 messages before this one") || !strings.Contains(reply, " UTC") {
		s.t.Errorf("the reply to the question for the time is %q", reply)
	}
	s.counted("bob", 5)

	// The exercise of the tutorial: a registered user is known, with count 0.
	s.expect("POST", chat+"/users/dave/register", "", 202, `{"status":"accepted","user_id":"dave"}`)
	s.counted("dave", 0)
	s.say("dave", "hi")
	s.counted("dave", 1)
	s.expect("POST", chat+"/users/dave/register", "", 202, `{"status":"accepted","user_id":"dave"}`)
	s.say("dave", "hi")
	s.counted("dave", 2)
}
