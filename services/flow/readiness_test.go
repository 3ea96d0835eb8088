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
			return err == nil && got.status == 503 &&
				strings.Contains(got.body, `"sidecar":"the Dapr sidecar cannot be reached"`)
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

// TestRisksAreNamed holds that /readyz says which settings of a sidecar could cost
// events.
func TestRisksAreNamed(t *testing.T) {
	t.Parallel()
	s := start(t, options{daprArgs: []string{
		"--app-max-concurrency", "2", "--enable-app-health-check", "--app-health-check-path", "/healthz",
	}})
	s.degraded("app-max-concurrency", "app health checks")
	s.expect("POST", s.analytics[0].URL+"/messages", `{"specversion":"1.0","id":"1","source":"s","type":"t",`+
		`"pubsubname":"pubsub","topic":"messages","time":"2026-01-02T12:00:00Z",`+
		`"data":{"event_type":"MessageSent","user_id":"alice"}}`, 200, `{"status":"SUCCESS"}`)
	s.degraded("bulkSubscribe")
}

// degraded waits until /readyz of analytics names the risks.
func (s *system) degraded(risks ...string) {
	s.t.Helper()
	var got answer
	s.eventually(func() bool {
		var err error
		got, err = s.send("GET", s.analytics[0].URL+"/readyz", "")
		named := true
		for _, risk := range risks {
			named = named && strings.Contains(got.body, risk)
		}
		return err == nil && got.status == 200 && strings.Contains(got.body, `"degraded"`) && named
	}, func() string {
		return fmt.Sprintf("/readyz answers %d %s; want 200 that names %q", got.status, got.body, risks)
	})
}
