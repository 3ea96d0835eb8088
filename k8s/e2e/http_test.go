//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	requestTimeout = 30 * time.Second
	senders        = 16
)

// forward returns the URL of a port of a resource, such as svc/chat-service,
// through kubectl port-forward. A forward whose pod has gone is started anew.
func (s *installation) forward(resource string, port int) string {
	s.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	key := fmt.Sprintf("%s:%d", resource, port)
	if url := s.forwards[key]; url != "" {
		return url
	}
	var url string
	s.eventually(func() (err error) {
		url, err = s.startForward(resource, port)
		return err
	})
	s.forwards[key] = url
	return url
}

// forget makes the next use of a resource start a new forward: one to a service
// stays with the pod that it found first.
func (s *installation) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.forwards)
}

func (s *installation) startForward(resource string, port int) (string, error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.Context()))
	cmd := exec.CommandContext(ctx, "kubectl", "port-forward", "--namespace", s.namespace, resource, fmt.Sprintf(":%d", port))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		cancel()
		return "", err
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		cancel()
		return "", err
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	match := regexp.MustCompile(`^Forwarding from (127\.0\.0\.1:\d+)`).FindStringSubmatch(line)
	if err != nil || match == nil {
		cancel()
		_ = cmd.Wait()
		return "", fmt.Errorf("port-forward to %s: %w: %s%s", resource, err, line, stderr.String())
	}
	var reader sync.WaitGroup
	reader.Go(func() { _, _ = io.Copy(io.Discard, lines) })
	s.whole.Cleanup(func() {
		cancel()
		reader.Wait()
		_ = cmd.Wait()
	})
	return "http://" + match[1], nil
}

type answer struct {
	status int
	body   string
}

func (s *installation) send(method, url, body string) (answer, error) {
	ctx, cancel := context.WithTimeout(s.Context(), requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, strings.TrimSpace(string(text))}, errors.Join(err, resp.Body.Close())
}

func (s *installation) chat() string { s.Helper(); return s.forward("svc/chat-service", 8000) }
func (s *installation) analytics() string {
	s.Helper()
	return s.forward("svc/analytics-service", 8001)
}

// expect sends a request and checks its answer, in which "*" stands for anything.
func (s *installation) expect(method, url, body string, status int, want string) {
	s.Helper()
	got, err := s.send(method, url, body)
	pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(want), `\*`, ".*") + "$"
	if err != nil || got.status != status || !regexp.MustCompile(pattern).MatchString(got.body) {
		s.Errorf("%s %s answers %d %s, %v; want %d %s", method, url, got.status, got.body, err, status, want)
	}
}

// say sends a message of the user, which has to be answered, and returns the
// reply. It counts from then on.
func (s *installation) say(user, text string) string {
	s.Helper()
	got, err := s.send("POST", s.chat()+"/chat/", fmt.Sprintf(`{"user_id":%q,"text":%q}`, user, text))
	if err != nil || got.status != http.StatusOK {
		s.Fatalf("the message of %s is answered with %d %s, %v", user, got.status, got.body, err)
	}
	var reply struct{ Reply string }
	if err := json.Unmarshal([]byte(got.body), &reply); err != nil {
		s.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expected[user]++
	return reply.Reply
}

// sayMany sends n messages of the user, several at a time.
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
					errs <- fmt.Errorf("message %d of %s is answered with %d %s: %w", i, user, got.status, got.body, err)
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
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expected[user] += n
}

// counted waits until every message that was answered is counted, and checks
// that none is counted twice.
func (s *installation) counted() {
	s.Helper()
	for user, want := range s.expected {
		s.eventually(func() error {
			got, err := s.send("GET", s.analytics()+"/analytics/"+user, "")
			if err != nil {
				s.forget() // the pod behind the forward is gone
				return err
			}
			var count struct {
				Messages *int `json:"message_count"`
			}
			if err := json.Unmarshal([]byte(got.body), &count); err != nil || count.Messages == nil {
				return fmt.Errorf("the count of %s is answered with %d %s", user, got.status, got.body)
			}
			if *count.Messages > want {
				s.Fatalf("%s sent %d messages, and %d are counted", user, want, *count.Messages)
			}
			if *count.Messages < want {
				return errors.New(user + " sent " + strconv.Itoa(want) + " messages, and only " + strconv.Itoa(*count.Messages) + " are counted")
			}
			return nil
		})
	}
}
