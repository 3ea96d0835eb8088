package flow

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// BenchmarkCounting delivers the same number of events through the same sidecar to a
// subscriber that does nothing and to the analytics service. It reports the ratio of
// their speeds, and how many calls of the state store an event costs.
func BenchmarkCounting(b *testing.B) {
	const events = 6000
	// The last few are not timed: an event that the sidecar reads while it is
	// being paused is delivered again only after processingTimeout.
	m := &meter{target: events * 95 / 100}
	s := start(b, options{before: m.wrap})

	deliver := func(run string, noop bool, users int) float64 {
		m.set(true, noop)
		s.paused()
		const format = `{"specversion":"1.0","id":"%s-%d","source":"bench","type":"MessageSent","time":%q,` +
			`"datacontenttype":"application/json","topic":"messages","pubsubname":"pubsub",` +
			`"data":{"event_type":"MessageSent","user_id":"%s-%d"}}`
		pipe := s.broker.Pipeline()
		for i := range events {
			event := fmt.Sprintf(format, run, i, time.Now().UTC().Format(time.RFC3339Nano), run, i%users)
			pipe.XAdd(b.Context(), &redis.XAddArgs{Stream: "messages", Values: []any{"data", event}})
		}
		if _, err := pipe.Exec(b.Context()); err != nil {
			b.Fatal(err)
		}
		m.set(false, noop)
		s.eventually(func() bool { return m.rate() > 0 }, func() string { return "not enough events are delivered" })
		return m.rate()
	}
	for b.Loop() {
		deliver("warm", true, 50)
		noop := deliver("noop", true, 50)
		for name, users := range map[string]int{"50-users": 50, "hot-user": 1} {
			before := s.stateCalls()
			exact := deliver(name, false, users)
			for u := range users {
				s.counted(fmt.Sprintf("%s-%d", name, u), events/users)
			}
			b.ReportMetric(exact/noop, name+"/noop-events/s")
			b.ReportMetric((s.stateCalls()-before)/events, name+"-state-calls/event")
		}
	}
	b.ReportMetric(0, "ns/op")
}

// stateCalls reads from /metrics how often analytics called the state store.
func (s *system) stateCalls() (sum float64) {
	s.t.Helper()
	got, err := s.send("GET", s.analytics[0].URL+"/metrics", "")
	s.must(err)
	for lines := bufio.NewScanner(strings.NewReader(got.body)); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), "} "); ok && strings.HasPrefix(name, "daca_state_calls_total{") {
			n, err := strconv.ParseFloat(value, 64)
			s.must(err)
			sum += n
		}
	}
	return sum
}

// BenchmarkChat reports the ratio of the time that a chat request takes to the time
// that its calls take when they are made directly: the invocation of analytics, the
// model, and the publishing of the event.
func BenchmarkChat(b *testing.B) {
	const requests = 300
	s := start(b, options{})
	s.say("alice", "hello")
	s.counted("alice", 1)
	type call struct{ method, url, body string }
	const prompt = `{"model":"offline","messages":[{"role":"user","content":"hello"}]}`
	parts := []call{
		{"GET", s.chat.InvokeURL(s.analytics[0], "analytics/alice"), ""},
		{"POST", s.model.URL + "/v1/chat/completions", prompt},
		{"POST", s.chat.DaprURL + "/v1.0/publish/pubsub/messages", `{"event_type":"MessageSent","user_id":"bob"}`},
	}
	whole := []call{{"POST", s.chat.URL + "/chat/", `{"user_id":"alice","text":"hello"}`}}
	timed := func(calls []call) (total time.Duration) {
		for _, c := range calls {
			begin := time.Now()
			got, err := s.send(c.method, c.url, c.body)
			total += time.Since(begin)
			if err != nil || got.status/100 != 2 {
				b.Fatalf("%s %s answers %d %s, %v", c.method, c.url, got.status, got.body, err)
			}
		}
		return total
	}
	for b.Loop() {
		timed(parts)
		timed(whole)
		var sum, chat time.Duration
		for range requests { // in turn, so that noise of the machine hits both alike
			sum += timed(parts)
			chat += timed(whole)
		}
		b.ReportMetric(float64(chat)/float64(sum), "chat/raw-calls-latency")
	}
	b.ReportMetric(0, "ns/op")
}
