//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
)

// chat returns the URL of the chat service.
func (s *installation) chat() string {
	s.Helper()
	return s.forward("svc/chat-service", 8000)
}

// analytics returns the URL of the analytics service.
func (s *installation) analytics() string {
	s.Helper()
	return s.forward("svc/analytics-service", 8001)
}

// forward returns the URL of a port of a resource, such as svc/chat-service,
// through kubectl port-forward. It starts one port-forward for each port, and
// keeps it until forget is called.
func (s *installation) forward(resource string, port int) string {
	s.Helper()
	key := fmt.Sprintf("%s:%d", resource, port)
	if url := s.forwards[key]; url != "" {
		return url
	}
	var url string
	s.eventually(func() (err error) {
		url, err = s.startForward(resource, port)
		return err
	})
	s.forwards[key] = url
	return url
}

// forget makes the next use of each resource start a new port-forward. A
// port-forward to a Service does not leave the pod that it found first, not even
// when that pod is gone.
func (s *installation) forget() {
	clear(s.forwards)
}

// startForward starts a port-forward that ends with the test, and returns its URL.
func (s *installation) startForward(resource string, port int) (string, error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.Context()))
	cmd := exec.CommandContext(ctx, "kubectl", "port-forward",
		"--namespace", s.namespace, resource, fmt.Sprintf(":%d", port))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		cancel()
		return "", err
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		cancel()
		return "", err
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	match := regexp.MustCompile(`^Forwarding from (127\.0\.0\.1:\d+)`).FindStringSubmatch(line)
	if err != nil || match == nil {
		cancel()
		_ = cmd.Wait()
		return "", fmt.Errorf("port-forward to %s: %w: %s%s", resource, err, line, stderr.String())
	}
	var reader sync.WaitGroup
	reader.Go(func() { _, _ = io.Copy(io.Discard, lines) })
	s.whole.Cleanup(func() {
		cancel()
		reader.Wait()
		_ = cmd.Wait()
	})
	return "http://" + match[1], nil
}
