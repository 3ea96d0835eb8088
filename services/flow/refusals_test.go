package flow

import (
	"strings"
	"testing"
)

// TestModelFailures holds the documented answers while the model fails. A message
// that is not answered is not counted, and no answer shows a key.
func TestModelFailures(t *testing.T) {
	t.Parallel()
	s := start(t, options{
		modelEnv: []string{"MODEL_API_KEY=sk-right-key", "MODEL_BEHAVIOUR=delay=0s"},
		chatEnv:  []string{"OPENAI_API_KEY=sk-wrong-key"},
	})
	got, err := s.send("POST", s.chat.URL+"/chat/", `{"user_id":"alice","text":"hi"}`)
	if err != nil || got.status != 502 || !strings.Contains(got.body, "API key") || strings.Contains(got.body, "sk-") {
		t.Errorf("a wrong key is answered %d %s, %v; want 502 that names the cause without the key",
			got.status, got.body, err)
	}
	got, err = s.send("GET", s.chat.URL+"/readyz", "")
	if err != nil || got.status != 200 || !strings.Contains(got.body, `"model":"model unauthorized`) {
		t.Errorf("/readyz answers %d %s, %v; want 200 that names the model", got.status, got.body, err)
	}
	s.model.App.Kill()
	got, err = s.send("POST", s.chat.URL+"/chat/", `{"user_id":"alice","text":"hi"}`)
	if err != nil || got.status != 502 {
		t.Errorf("a model that is down is answered %d %s, %v; want 502", got.status, got.body, err)
	}
	s.expect("GET", s.analytics[0].URL+"/analytics/alice", "", 404, `{"detail":"User not found"}`)
}

// TestAppToken holds that sidecars deliver events with the app token if there is one,
// and that nobody can deliver without it.
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
