package flow

import (
	"fmt"
	"strings"
	"testing"

	"daca/services/internal/stack"
)

// TestServicesStartBeforeTheirSidecars holds that services and sidecars may start in
// any order, and that /readyz names what is missing meanwhile.
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

// TestNothingIsDeliveredToAServiceThatIsNotReady holds that the sidecar delivers only
// while /readyz reports that the service can count. Otherwise a long outage of the
// store would turn events into dead letters.
func TestNothingIsDeliveredToAServiceThatIsNotReady(t *testing.T) {
	t.Parallel()
	m := &meter{target: 1}
	s := start(t, options{before: m.wrap})
	m.set(true, false)
	s.paused()
	for i := range 5 {
		s.publish("alice", fmt.Sprint(i))
	}
	s.eventually(func() bool {
		n, err := s.broker.XLen(t.Context(), "messages").Result()
		return err == nil && n == 5
	}, func() string { return "the events are not in the broker" })
	if n := m.deliveries(); n != 0 {
		t.Errorf("%d events were delivered to a service that is not ready", n)
	}
	m.set(false, false)
	s.exactly(map[string]int{"alice": 5})
}
