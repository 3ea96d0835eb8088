//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"os/exec"
	"sync"
)

// install installs the suite with the values for kind and these settings, and
// waits until it is ready.
func (s *installation) install(settings ...string) {
	s.Helper()
	if err := dependencies(); err != nil {
		s.Fatal(err)
	}
	s.helm(settings, "install", "daca", "charts/daca", "--values", "charts/daca/values-kind.yaml")
	s.settled()
}

// upgrade changes the settings of the suite, and waits until it is ready.
func (s *installation) upgrade(settings ...string) {
	s.Helper()
	s.helm(settings, "upgrade", "daca", "charts/daca", "--reset-then-reuse-values")
	s.rolledOut("statefulset/chat-service", "deployment/analytics-service")
	s.forget()
}

func (s *installation) helm(settings []string, args ...string) {
	s.Helper()
	args = append(args, "--wait", "--timeout", startTimeout.String())
	for _, setting := range settings {
		args = append(args, "--set", setting)
	}
	s.run("helm", args...)
}

// dependencies copies the other charts into the umbrella. It does so only once,
// because tests install at the same time.
var dependencies = sync.OnceValue(func() error {
	cmd := exec.Command("helm", "dependency", "update", "charts/daca")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("helm dependency update: %w\n%s", err, out)
	}
	return nil
})

// settled waits until the sidecar of each replica of chat reaches analytics. Chat
// is ready before that, because it also answers without counts.
func (s *installation) settled() {
	s.Helper()
	for _, pod := range s.pods("chat") {
		url := s.forward("pod/"+pod.Name, 3500) + "/v1.0/invoke/analytics-service/method/analytics/nobody"
		s.eventually(func() error {
			got, err := s.send("GET", url, "")
			if err == nil && got.status != http.StatusNotFound {
				err = fmt.Errorf("the sidecar of %s answers an invocation of analytics with %s", pod.Name, got)
			}
			return err
		})
	}
}
