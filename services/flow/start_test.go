package flow

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"daca/services/internal/stack"
)

// TestServicesStartBeforeTheirSidecars holds that the order of starting does
// not matter, and that readiness says what is missing meanwhile.
func TestServicesStartBeforeTheirSidecars(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	for _, service := range []*stack.Service{s.chat, s.analytics[0]} {
		s.must(service.Stop(t.Context()))
		s.must(service.App.Start(t.Context()))
		var got answer
		s.eventually(func() bool {
			var err error
			got, err = s.send("GET", service.URL+"/readyz", "")
			return err == nil && got.status == 503 && strings.Contains(got.body, `"sidecar":"asking the Dapr sidecar`)
		}, func() string {
			return fmt.Sprintf("/readyz answers %d %s; want 503 that names the sidecar", got.status, got.body)
		})
	}
	for _, service := range []*stack.Service{s.chat, s.analytics[0]} {
		s.must(service.Sidecar.Start(t.Context()))
	}
	for _, service := range []*stack.Service{s.chat, s.analytics[0]} {
		s.must(service.WaitReady(t.Context()))
	}
	s.say("alice", "hello")
	s.counted("alice", 1)
}

// TestWhatFailsTooOftenIsBuriedAndReplayed has the service fail for one user
// until the retries are used up. The event is then a dead letter, and counts
// when it is replayed after the service has been mended.
func TestWhatFailsTooOftenIsBuriedAndReplayed(t *testing.T) {
	t.Parallel()
	var mended atomic.Bool
	s := start(t, options{before: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/messages" || mended.Load() {
				next.ServeHTTP(w, r)
				return
			}
			refuseFor("cursed", next, w, r)
		})
	}})
	s.publish("cursed", "1")
	s.publish("alice", "2")
	s.counted("alice", 1)
	letters := s.deadLetters(1)
	if l := letters[0]; l.Topic != "messages" || !strings.Contains(l.Reason, "nothing is wrong with the event itself") {
		t.Errorf("dead letter %+v", l)
	}
	s.expect("GET", s.analytics[0].URL+"/analytics/cursed", "", 404, `{"detail":"User not found"}`)

	mended.Store(true)
	s.expect("POST", s.analytics[0].URL+"/deadletters/"+letters[0].ID+"/replay", "", 200, fmt.Sprintf(`{"status":"replayed","id":%q}`, letters[0].ID))
	s.exactly(map[string]int{"cursed": 1, "alice": 1})
	s.expect("GET", s.analytics[0].URL+"/deadletters", "", 200, `{"deadletters":[]}`)
}

// TestNothingIsDeliveredToAServiceThatIsNotReady holds what protects events from
// the dead letters during a long outage of the store: the sidecar delivers only
// while /readyz says that the service can count.
func TestNothingIsDeliveredToAServiceThatIsNotReady(t *testing.T) {
	t.Parallel()
	m := &meter{target: 1}
	s := start(t, options{before: m.wrap})
	m.set(true, false)
	s.paused()
	for i := range 5 {
		s.publish("alice", fmt.Sprint(i))
	}
	client := redis.NewClient(&redis.Options{Addr: s.redis.Addr()})
	t.Cleanup(func() { _ = client.Close() })
	s.eventually(func() bool {
		n, err := client.XLen(t.Context(), "messages").Result()
		return err == nil && n == 5
	}, func() string { return "the events are not in the broker" })
	if n := m.deliveries(); n != 0 {
		t.Errorf("%d events were delivered to a service that is not ready", n)
	}
	m.set(false, false)
	s.exactly(map[string]int{"alice": 5})
}
