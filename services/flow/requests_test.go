package flow

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// answer is the response to a request.
type answer struct {
	status int
	body   string // without white space around it
}

// send makes a request, with the body as JSON unless it is empty. Headers are names
// and values in turn. The error is that of the connection.
func (s *system) send(method, target, body string, headers ...string) (answer, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, strings.TrimSpace(string(text))}, err
}

// expect makes a request and fails the test unless it is answered with the status
// and the body.
func (s *system) expect(method, target, body string, status int, want string) {
	s.t.Helper()
	got, err := s.send(method, target, body)
	if err != nil || got.status != status || got.body != want {
		s.t.Errorf("%s %s %s answers %d %s, %v\nwant %d %s",
			method, target, body, got.status, got.body, err, status, want)
	}
}

// say sends a message to the chat service and returns the reply.
func (s *system) say(user, text string, headers ...string) string {
	s.t.Helper()
	body, err := json.Marshal(map[string]string{"user_id": user, "text": text})
	s.must(err)
	got, err := s.send("POST", s.chat.URL+"/chat/", string(body), headers...)
	var r struct{ Reply string }
	if err != nil || got.status != 200 || json.Unmarshal([]byte(got.body), &r) != nil {
		s.t.Fatalf("POST /chat/ %s answers %d %s, %v", body, got.status, got.body, err)
	}
	return r.Reply
}

// count asks the analytics service for the user's count.
func (s *system) count(user string) (answer, error) {
	return s.send("GET", s.analytics[0].URL+"/analytics/"+url.PathEscape(user), "")
}
