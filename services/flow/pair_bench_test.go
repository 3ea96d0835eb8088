package flow

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"
)

// BenchmarkPair measures the pair of FLOW_PAIR, for the table in
// components/alternatives/README.md: how many events that wait in the broker one replica
// counts in a second, and how long a lone event takes from being published to being
// counted. Compare pairs that were measured one after the other.
func BenchmarkPair(b *testing.B) {
	const events, lone = 10_000, 50
	s := start(b, options{})
	s.publish("warm", "warm")
	s.counted("warm", 1)
	for b.Loop() {
		s.analytics[0].App.Kill()
		s.analytics[0].Sidecar.Kill()
		s.publishBulk(events)
		s.must(s.analytics[0].Start(b.Context()))
		began := s.acceptedAtLeast(events / 10)
		ended := s.acceptedAtLeast(events * 9 / 10)
		b.ReportMetric(events*8/10/ended.Sub(began).Seconds(), "events/s")
	}
	var latencies []time.Duration
	for i := range lone {
		user := fmt.Sprintf("lone-%d", i)
		published := time.Now()
		s.publish(user, user)
		for {
			if got, err := s.count(user); err == nil && got.status == 200 {
				break
			}
		}
		latencies = append(latencies, time.Since(published))
	}
	slices.Sort(latencies)
	b.ReportMetric(float64(latencies[lone/2].Microseconds())/1000, "ms/lone-event")
}

// acceptedAtLeast returns when the first replica, since its start, has counted n events.
func (s *system) acceptedAtLeast(n int) time.Time {
	s.t.Helper()
	s.eventually(func() bool { return s.accepted() >= n }, func() string { return "too few events are counted" })
	return time.Now()
}

// publishBulk publishes events of 50 users, many at a time.
func (s *system) publishBulk(events int) {
	s.t.Helper()
	type entry struct {
		EntryID     string `json:"entryId"`
		Event       any    `json:"event"`
		ContentType string `json:"contentType"`
	}
	users := fiftyUsers()
	for chunk := range slices.Chunk(slices.Collect(numbers(events)), 250) {
		var entries []entry
		for _, i := range chunk {
			id := fmt.Sprintf("bulk-%d-%d", time.Now().UnixNano(), i)
			entries = append(entries, entry{id, map[string]any{
				"specversion": "1.0", "id": id, "source": "test", "type": "MessageSent",
				"time": time.Now().UTC().Format(time.RFC3339Nano),
				"data": map[string]string{"event_type": "MessageSent", "user_id": users[i%len(users)]},
			}, "application/cloudevents+json"})
		}
		body, err := json.Marshal(entries)
		s.must(err)
		got, err := s.send("POST", s.chat.DaprURL+"/v1.0/publish/bulk/pubsub/messages", string(body))
		if err != nil || got.status != 204 {
			s.t.Fatalf("publishing answers %d %s, %v", got.status, got.body, err)
		}
	}
}

func numbers(n int) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// accepted is how many events the first replica has counted; 0 while it does not answer.
func (s *system) accepted() int {
	got, err := s.send("GET", s.analytics[0].URL+"/metrics", "")
	if err != nil {
		return 0
	}
	match := regexp.MustCompile(`daca_operations_total\{[^}]*"accepted"[^}]*\} ([0-9.e+]+)`).FindStringSubmatch(got.body)
	if match == nil {
		return 0
	}
	n, _ := strconv.ParseFloat(match[1], 64)
	return int(n)
}
