//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tmaxmax/go-sse"
)

// streamTimeout is for one stream, on a busy machine.
const streamTimeout = 3 * time.Minute

// errEnough ends the reading of a stream in its middle.
var errEnough = errors.New("this is enough of the stream")

// view is what a client has seen of a run.
type view struct {
	run    string // its id
	cursor string // of the last event
	text   string // all tokens
	tokens int
	last   string // the kind of the last event
	reply  string // of the last event
}

// see adds an event to the view.
func (v *view) see(event sse.Event) error {
	var data struct {
		RunID string `json:"run_id"`
		Text  string `json:"text"`
		Reply string `json:"reply"`
	}
	if err := json.Unmarshal([]byte(event.Data), &data); err != nil {
		return fmt.Errorf("event %s has the data %s: %w", event.Type, event.Data, err)
	}
	v.cursor = event.LastEventID
	v.last = event.Type
	switch event.Type {
	case "run":
		v.run = data.RunID
	case "token":
		v.text += data.Text
		v.tokens++
	case "reset":
		v.text = ""
	default:
		v.reply = data.Reply
	}
	return nil
}

// stream sends a request that is answered with a stream, and adds its events to the
// view. It ends with the stream, or when enough returns true.
func (s *installation) stream(v *view, method, url, body string, enough func() bool) error {
	ctx, cancel := context.WithTimeout(s.Context(), streamTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if v.cursor != "" {
		req.Header.Set("Last-Event-ID", v.cursor)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s answers %s", method, url, resp.Status)
	}
	for event, err := range sse.Read(resp.Body, nil) {
		if err != nil {
			return fmt.Errorf("reading the stream of %s: %w", url, err)
		}
		if err := v.see(event); err != nil {
			return err
		}
		if enough() {
			return errEnough
		}
	}
	return nil
}

// counting asks for an answer that takes as many tenths of a second as the number.
func counting(to int) string {
	return fmt.Sprintf(`{"user_id":"streamer","text":"Count slowly to %d."}`, to)
}

// streams follows answers while they are made: from another replica, to the end of a pod,
// and to a stop.
func streams(s *installation) {
	first := s.forward("pod/chat-service-0", 8000)
	second := s.forward("pod/chat-service-1", 8000)
	never := func() bool { return false }

	s.Log("a stream that is cut is picked up on the other replica")
	seen := &view{}
	err := s.stream(seen, http.MethodPost, first+"/chat/stream", counting(100), func() bool { return seen.tokens >= 20 })
	if !errors.Is(err, errEnough) {
		s.Fatalf("after %+v: %v", *seen, err)
	}
	err = s.stream(seen, http.MethodGet, second+"/runs/"+seen.run+"/events", "", never)
	if err != nil || seen.last != "message" || seen.text != seen.reply || !strings.HasSuffix(seen.reply, " 100") {
		s.Fatalf("the stream ends with %v after %+v", err, *seen)
	}
	s.expected["streamer"]++

	s.Log("a run is stopped from the other replica")
	stopped := &view{}
	err = s.stream(stopped, http.MethodPost, first+"/chat/stream", counting(1000), func() bool {
		if stopped.tokens == 5 {
			s.expect(http.MethodDelete, second+"/runs/"+stopped.run, "", 200, `{"run_id":"`+stopped.run+`","status":"stop*"}`)
		}
		return false
	})
	if err != nil || stopped.last != "stopped" || stopped.text != stopped.reply {
		s.Fatalf("the stream ends with %v after %+v", err, *stopped)
	}
	s.expected["streamer"]++

	// Kubernetes' own grace is 30 seconds.
	s.Log("a stream of 45 seconds ends whole, though its pod is replaced")
	long := &view{}
	err = s.stream(long, http.MethodPost, first+"/chat/stream", counting(450), func() bool {
		if long.tokens == 5 {
			s.run("kubectl", "delete", "pod", "chat-service-0", "--wait=false")
		}
		return false
	})
	if err != nil || long.last != "message" || long.text != long.reply || !strings.HasSuffix(long.reply, " 450") {
		s.Fatalf("the stream ends with %v after %+v", err, *long)
	}
	s.expected["streamer"]++
	s.rolledOut("statefulset/chat-service")
	s.forget()
	s.counted()
}
