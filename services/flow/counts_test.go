package flow

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"
)

// counted waits until the user's count is n. It fails the test if the count is
// greater.
func (s *system) counted(user string, n int) {
	s.t.Helper()
	s.countedBut(user, n, 0)
}

// countedBut waits until at most so many of the user's n events are missing, and returns
// the count. It fails the test if the count is greater than n.
func (s *system) countedBut(user string, n, missing int) int {
	s.t.Helper()
	var got answer
	var count struct {
		MessageCount *int `json:"message_count"`
	}
	s.eventually(func() bool {
		var err error
		got, err = s.count(user)
		return err == nil && got.status == 200 && json.Unmarshal([]byte(got.body), &count) == nil &&
			*count.MessageCount >= n-missing
	}, func() string {
		return fmt.Sprintf("the count of %q is answered %d %s; want %d; %s",
			user, got.status, got.body, n, s.whereabouts())
	})
	if *count.MessageCount > n {
		s.t.Fatalf("the count of %q is %d; want %d", user, *count.MessageCount, n)
	}
	return *count.MessageCount
}

// publish publishes an event through chat's sidecar. It tries again until the sidecar
// accepts it. Events with the same id are copies, and have the same time.
func (s *system) publish(user, id string) {
	s.t.Helper()
	const format = `{"specversion":"1.0","id":%q,"source":"test","type":"MessageSent","time":%q,` +
		`"data":{"event_type":"MessageSent","user_id":%q}}`
	happened, _ := s.times.LoadOrStore(id, time.Now().UTC().Format(time.RFC3339Nano))
	body := fmt.Sprintf(format, id, happened, user)
	var got answer
	var err error
	s.eventually(func() bool {
		got, err = s.send("POST", s.chat.DaprURL+"/v1.0/publish/pubsub/messages", body,
			"Content-Type", "application/cloudevents+json")
		return err == nil && got.status == 204
	}, func() string { return fmt.Sprintf("publishing answers %d %s, %v", got.status, got.body, err) })
}

// publishAll publishes total events for the users in turn. Every twentieth event is a
// copy of the one before it. It returns how many distinct ids each user got.
func (s *system) publishAll(total int, users []string) map[string]int {
	s.t.Helper()
	return s.publishMore("event", total, users)
}

// publishMore is publishAll for events whose ids begin with the prefix.
func (s *system) publishMore(prefix string, total int, users []string) map[string]int {
	s.t.Helper()
	distinct := map[string]int{}
	type job struct{ user, id string }
	jobs := make(chan job)
	var publishers sync.WaitGroup
	for range 16 {
		publishers.Go(func() {
			for j := range jobs {
				s.publish(j.user, j.id)
			}
		})
	}
	for i := range total {
		n := i
		if i%20 == 19 {
			n = i - 1
		} else {
			distinct[users[n%len(users)]]++
		}
		jobs <- job{users[n%len(users)], fmt.Sprintf("%s-%d", prefix, n)}
	}
	close(jobs)
	publishers.Wait()
	return distinct
}

// exactly waits until each user has the count and the broker has nothing left to
// deliver. It fails the test if a count differs after that, unless the broker has lost what
// is missing.
func (s *system) exactly(counts map[string]int) {
	s.t.Helper()
	lost := s.unconfirmed()
	for user, n := range counts {
		s.countedBut(user, n, lost)
	}
	s.settled()
	missing := 0
	for user, n := range counts {
		missing += n - s.countedBut(user, n, lost)
	}
	if missing > lost {
		s.t.Fatalf("%d events are not counted; the broker has lost %d", missing, lost)
	}
}

// unconfirmed returns how many events the sidecars have reported as published although the
// broker did not confirm them. The component for RabbitMQ does so when its connection
// breaks, and says it in the log only. See components/alternatives/README.md.
func (s *system) unconfirmed() int {
	if s.pair.queue != onRabbit {
		return 0
	}
	return strings.Count(s.printed.String(), "did not receive confirmation of publishing")
}
