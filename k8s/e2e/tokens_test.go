//go:build e2e

package e2e

import "strings"

// tokens checks who may do what with the tokens that the chart makes by default: only the
// sidecar delivers events, and only operators administer counts.
func tokens(s *installation) {
	token := s.adminToken()
	analytics := s.analytics()
	const initialize = "/analytics/alice/initialize"
	s.expect("POST", analytics+initialize, `{"message_count":5}`, 401, `{"detail":"*"}`)
	s.expectAs("wrong", "POST", analytics+initialize, `{"message_count":5}`, 401, `{"detail":"*"}`)
	s.counted()
	s.expectAs(token, "POST", analytics+initialize, `{"message_count":5}`, 200,
		`{"status":"success","user_id":"alice","message_count":5}`)
	s.expected["alice"] = 5

	const bare = `{"event_type":"MessageSent","user_id":"alice"}`
	const enveloped = `{"specversion":"1.0","type":"MessageSent","source":"e2e","id":"e2e-1","data":` + bare + `}`
	s.expect("POST", analytics+"/messages", bare, 401, `{"detail":"*"}`)
	s.expect("POST", analytics+"/messages", enveloped, 401, `{"detail":"*"}`)
	s.expectAs(token, "POST", analytics+"/messages", bare, 200, `{"status":"success"}`)
	s.expected["alice"]++

	s.expect("GET", analytics+"/deadletters", "", 401, `{"detail":"*"}`)
	s.expectAs(token, "GET", analytics+"/deadletters", "", 200, "*")
	s.expect("DELETE", s.chat()+"/deadletters/e2e", "", 401, `{"detail":"*"}`)
	s.expectAs(token, "DELETE", s.chat()+"/deadletters/e2e", "", 404, `{"detail":"*"}`)

	s.say("alice", "for the sidecar, which delivers this with its token")
	s.counted()

	s.upgrade()
	if again := s.adminToken(); again != token {
		s.Errorf("an upgrade has changed the token from %s to %s", token, again)
	}
	s.expectAs(token, "GET", s.analytics()+"/deadletters", "", 200, "*")
}

// adminToken returns the token of operators, by the command in the notes.
func (s *installation) adminToken() string {
	s.Helper()
	show, ok := commandIn(s.run("helm", "get", "notes", "daca"), " get secret ")
	if !ok {
		s.Fatal("the notes do not say how to read the token")
	}
	token, err := s.command(s.Context(), "sh", "-c", show)
	if err != nil || len(token) != 32 || strings.TrimSpace(token) != token {
		s.Fatalf("%s prints %q, %v; want a token", show, token, err)
	}
	return token
}
