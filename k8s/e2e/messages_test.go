//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

const (
	requestTimeout = 30 * time.Second
	senders        = 16
)

// answer is what a service answers to a request.
type answer struct {
	status int
	body   string
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.status, a.body) }

// send sends a request with a JSON body, or without a body if it is empty.
func (s *installation) send(method, url, body string) (answer, error) {
	return s.sendAs("", method, url, body)
}

// sendAs sends a request with a bearer token, unless that is empty.
func (s *installation) sendAs(token, method, url, body string) (answer, error) {
	ctx, cancel := context.WithTimeout(s.Context(), requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, strings.TrimSpace(string(text))}, errors.Join(err, resp.Body.Close())
}

// expect sends a request and checks its answer. In the wanted body, "*" stands for
// any text.
func (s *installation) expect(method, url, body string, status int, want string) {
	s.Helper()
	s.expectAs("", method, url, body, status, want)
}

// expectAs does so with a bearer token, unless that is empty.
func (s *installation) expectAs(token, method, url, body string, status int, want string) {
	s.Helper()
	got, err := s.sendAs(token, method, url, body)
	pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(want), `\*`, ".*") + "$"
	if err != nil || got.status != status || !regexp.MustCompile(pattern).MatchString(got.body) {
		s.Errorf("%s %s answers %s, %v; want %d %s", method, url, got, err, status, want)
	}
}

// say sends a message of the user, which has to be answered, and returns the
// reply. From then on, counted expects the message to be counted.
func (s *installation) say(user, text string) string {
	s.Helper()
	got, err := s.send("POST", s.chat()+"/chat/", fmt.Sprintf(`{"user_id":%q,"text":%q}`, user, text))
	if err != nil || got.status != http.StatusOK {
		s.Fatalf("the message of %s is answered with %s, %v", user, got, err)
	}
	var reply struct{ Reply string }
	if err := json.Unmarshal([]byte(got.body), &reply); err != nil {
		s.Fatal(err)
	}
	s.expected[user]++
	return reply.Reply
}

// sayMany sends n messages of the user, several at a time, as say does.
func (s *installation) sayMany(user string, n int) {
	s.Helper()
	url := s.chat() + "/chat/"
	work := make(chan int)
	errs := make(chan error, n)
	var workers sync.WaitGroup
	for range senders {
		workers.Go(func() {
			for i := range work {
				got, err := s.send("POST", url, fmt.Sprintf(`{"user_id":%q,"text":"message %d"}`, user, i))
				if err != nil || got.status != http.StatusOK {
					errs <- fmt.Errorf("message %d of %s is answered with %s, %w", i, user, got, err)
				}
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	workers.Wait()
	close(errs)
	for err := range errs {
		s.Fatal(err)
	}
	s.expected[user] += n
}

// counted waits until every answered message of every user is counted. A count
// above that ends the test.
func (s *installation) counted() {
	s.Helper()
	for user, want := range s.expected {
		s.eventually(func() error {
			got, err := s.send("GET", s.analytics()+"/analytics/"+user, "")
			if err != nil {
				s.forget() // the pod behind the port-forward is gone
				return err
			}
			var count struct {
				Messages *int `json:"message_count"`
			}
			if err := json.Unmarshal([]byte(got.body), &count); err != nil || count.Messages == nil {
				return fmt.Errorf("the count of %s is answered with %s", user, got)
			}
			if *count.Messages > want {
				s.Fatalf("%s sent %d messages, but %d are counted", user, want, *count.Messages)
			}
			if *count.Messages < want {
				return fmt.Errorf("%s sent %d messages, but only %d are counted", user, want, *count.Messages)
			}
			return nil
		})
	}
}
