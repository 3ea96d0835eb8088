package flow

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// lastEvents is the answer of GET /activity.
type lastEvents struct {
	Events []struct {
		ID          string
		UserID      string    `json:"user_id"`
		AnsweredAt  time.Time `json:"answered_at"`
		DeliveredAt time.Time `json:"delivered_at"`
		CountedAt   time.Time `json:"counted_at"`
		StoredMS    float64   `json:"stored_ms"`
		Count       int
		Outcome     string
	}
	Minutes     []struct{ Counted int }
	DeadLetters struct {
		Total   int
		Letters []struct {
			UserID string `json:"user_id"`
		}
	} `json:"dead_letters"`
}

// TestActivity holds that chat sees through its sidecar, whichever replica answers, what
// all of them have counted, that strangers see nothing, and that nobody who looks costs
// nothing.
func TestActivity(t *testing.T) {
	t.Parallel()
	const messages = 20
	s := start(t, options{replicas: 2, env: []string{"APP_API_TOKEN=s3cret"}})
	for i, analytics := range s.analytics {
		if got, err := s.send("GET", analytics.URL+"/activity", ""); err != nil || got.status != 401 {
			t.Errorf("replica %d tells a stranger %d %s, %v", i, got.status, got.body, err)
		}
	}
	look := func() (seen lastEvents) {
		t.Helper()
		got, err := s.send("GET", s.chat.InvokeURL(s.analytics[0], "activity"), "")
		if err != nil || got.status != 200 {
			t.Fatalf("GET /activity answers %d %s, %v", got.status, got.body, err)
		}
		s.must(json.Unmarshal([]byte(got.body), &seen))
		return seen
	}
	s.publish("alice", "before")
	s.counted("alice", 1)
	for i, analytics := range s.analytics {
		got, err := s.send("GET", analytics.URL+"/metrics", "")
		if err != nil || strings.Contains(got.body, `daca_activity_calls_total{call="put"}`) {
			t.Errorf("replica %d has written, although nobody looks: %v", i, err)
		}
	}
	look()
	for i := range messages {
		s.publish("alice", fmt.Sprintf("e-%d", i))
		look()
	}
	s.publish("", "bad")
	var seen lastEvents
	s.eventually(func() bool {
		for range 2 { // any replica may answer
			seen = look()
			n := 0
			for _, e := range seen.Events {
				if strings.HasPrefix(e.ID, "e-") && e.Outcome == "counted" {
					n++
				}
			}
			if n != messages || seen.DeadLetters.Total != 1 {
				return false
			}
		}
		return true
	}, func() string { return fmt.Sprintf("%d messages and one that is bad are seen as %+v", messages, seen) })
	for _, e := range seen.Events {
		if e.Outcome == "counted" && (e.UserID != "alice" || e.Count == 0 || e.StoredMS <= 0 ||
			e.DeliveredAt.Before(e.AnsweredAt.Add(-time.Second)) || e.CountedAt.Before(e.DeliveredAt)) {
			t.Errorf("event %+v", e)
		}
	}
}
