package flow

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"daca/services/internal/stack"
	"daca/services/internal/stack/stacktest"
)

// TestMakeRunRemembers holds that make run has kept everything when it starts again,
// however it ended: counts, and events that nobody has counted yet.
func TestMakeRunRemembers(t *testing.T) {
	t.Parallel()
	stacktest.NeedRedisServer(t)
	env, ports := makeRunEnv(t)
	env = append(env, "DACA_STORE=redis")
	sent := 0
	say := func() {
		sent++
		response, err := http.Post("http://localhost:"+ports["8000"]+"/chat/", "application/json",
			strings.NewReader(`{"user_id": "alice", "text": "Hello"}`))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Fatalf("message %d: %s", sent, response.Status)
		}
	}
	for _, end := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL, syscall.SIGINT} {
		stop, _ := startMakeRun(t, env)
		url := "http://localhost:" + ports["8001"] + "/analytics/alice"
		want := fmt.Sprintf(`{"message_count":%d}`, sent)
		var got string
		if sent > 0 && !within(30*time.Second, func() bool { got = body(url); return got == want }) {
			t.Fatalf("make run started again and has %s, want %s", got, want)
		}
		for range 3 {
			say()
		}
		stop(end) // at once, while the last events are on their way
		portsAreFree(t, ports)
	}
}

// body returns what the URL answers with, or why it does not answer.
func body(url string) string {
	response, err := http.Get(url)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text))
}

// portsAreFree waits until the kernel has ended what a launcher that was killed had
// started.
func portsAreFree(t *testing.T, ports map[string]string) {
	t.Helper()
	for _, port := range ports {
		number, err := strconv.Atoi(port)
		if err != nil {
			t.Fatal(err)
		}
		if !within(30*time.Second, func() bool { return stack.CheckFree(t.Context(), number) == nil }) {
			t.Errorf("port %s is still taken after make run was killed", port)
		}
	}
}
