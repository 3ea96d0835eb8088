//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tmaxmax/go-sse"
)

// passing is an event on its way, as the stream of the activity tells it.
type passing struct {
	UserID      string    `json:"user_id"`
	Stage       string    `json:"stage"`
	ReceivedAt  time.Time `json:"received_at"`
	AnsweredAt  time.Time `json:"answered_at"`
	DeliveredAt time.Time `json:"delivered_at"`
	CountedAt   time.Time `json:"counted_at"`
	Count       int       `json:"count"`
}

// watched is what somebody who looks has been told.
type watched struct {
	mu      sync.Mutex
	events  []passing         // of all snapshots and news
	letters map[string]string // reasons of the dead letters by id, as they were told last
	err     error             // why the stream ended
}

// watch looks at the activity until the returned function is called.
func (s *installation) watch(url string) (seen *watched, leave func()) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), streamTimeout)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/activity?user_id=viewer", nil)
	if err != nil {
		s.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		s.Fatalf("the activity is answered with %v, %v", resp, err)
	}
	seen = &watched{}
	var reading sync.WaitGroup
	reading.Go(func() {
		for event, err := range sse.Read(resp.Body, nil) {
			if err == nil {
				err = seen.take(event)
			}
			if err != nil {
				seen.mu.Lock()
				seen.err = err
				seen.mu.Unlock()
				return
			}
		}
	})
	return seen, func() {
		cancel()
		reading.Wait()
		_ = resp.Body.Close()
	}
}

func (w *watched) take(event sse.Event) error {
	var told struct {
		passing     // of an event
		Events      []passing
		DeadLetters *struct {
			Letters []struct{ ID, Reason string }
		} `json:"dead_letters"`
	}
	if err := json.Unmarshal([]byte(event.Data), &told); err != nil {
		return fmt.Errorf("event %s has the data %s: %w", event.Type, event.Data, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if event.Type == "event" {
		w.events = append(w.events, told.passing)
		return nil
	}
	w.events = append(w.events, told.Events...)
	if told.DeadLetters != nil {
		w.letters = map[string]string{}
		for _, letter := range told.DeadLetters.Letters {
			w.letters[letter.ID] = letter.Reason
		}
	}
	return nil
}

// has returns an error unless the stream has told of an event that is wanted.
func (w *watched) has(what string, want func(passing) bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		if want(e) {
			return nil
		}
	}
	return fmt.Errorf("nothing %s was told, %d events were; the stream: %w", what, len(w.events), w.err)
}

// letter returns the id of a dead letter with the text in its reason.
func (w *watched) letter(reason string) (id string, found bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, why := range w.letters {
		if strings.Contains(why, reason) {
			return id, true
		}
	}
	return "", false
}

// activity looks at messages as they pass through a cluster, whose access policy has to
// let chat ask analytics, and sees to a dead letter.
func activity(s *installation) {
	first := s.forward("pod/chat-service-0", 8000)
	seen, leave := s.watch(first)
	defer leave()

	s.Log("a message is seen from its arrival to its count")
	s.say("viewer", "Hello")
	s.eventually(func() error {
		return seen.has("of the viewer's count", func(e passing) bool {
			return e.UserID == "viewer" && e.Stage == "counted" && e.Count == 1 && !e.ReceivedAt.IsZero() &&
				!e.AnsweredAt.IsZero() && !e.DeliveredAt.IsZero() && !e.CountedAt.Before(e.DeliveredAt)
		})
	})

	s.Log("so are messages to the other replica")
	second := s.forward("pod/chat-service-1", 8000)
	s.expect("POST", second+"/chat/", `{"user_id":"viewer","text":"Hello from the other side"}`, 200, "*")
	s.expected["viewer"]++
	s.eventually(func() error {
		return seen.has("of a message to the other replica", func(e passing) bool {
			return e.UserID == "viewer" && e.Stage == "counted" && e.Count == 2
		})
	})

	s.Log("a dead letter is seen, and forgotten by an operator at chat")
	dapr := s.forward("pod/"+s.pods("chat")[0].Name, 3500) + "/v1.0"
	s.expect("POST", dapr+"/publish/pubsub/messages", `{"event_type":"MessageSent","user_id":"  "}`, 204, "")
	var id string
	s.eventually(func() error {
		var found bool
		if id, found = seen.letter("user id"); !found {
			return errors.New("no dead letter of an invalid user id is told")
		}
		return nil
	})
	s.expect("DELETE", first+"/deadletters/"+id, "", 200, `{"status":"deleted","id":"`+id+`"}`)
	s.eventually(func() error {
		if _, found := seen.letter("user id"); found {
			return errors.New("the dead letter is still told")
		}
		return nil
	})
	s.counted()
}
