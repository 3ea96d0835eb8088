package flow

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"daca/services/flow/walk"
	"daca/services/internal/stack"
)

// TestReadme does what the README tells a newcomer to do: make run, then every
// command of its console blocks, with the answers that it shows.
func TestReadme(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join(programs.root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	ports, release, err := stack.FreePorts(9)
	if err != nil {
		t.Fatal(err)
	}
	variables := []string{"CHAT_PORT", "ANALYTICS_PORT", "MODEL_PORT", "CHAT_DAPR_HTTP_PORT", "ANALYTICS_DAPR_HTTP_PORT",
		"CHAT_DAPR_GRPC_PORT", "ANALYTICS_DAPR_GRPC_PORT", "CHAT_DAPR_INTERNAL_PORT", "ANALYTICS_DAPR_INTERNAL_PORT"}
	env := append(stack.BaseEnv(os.Environ()), "DACA_DIR="+t.TempDir())
	for i, name := range variables {
		env = append(env, fmt.Sprintf("%s=%d", name, ports[i]))
	}
	release()
	stop := makeRun(t, env)

	local := strings.NewReplacer("localhost:8000", fmt.Sprint("localhost:", ports[0]), "localhost:8001", fmt.Sprint("localhost:", ports[1]), "localhost:3500", fmt.Sprint("localhost:", ports[3]))
	commands := walk.Commands(string(readme), "console")
	if len(commands) < 15 {
		t.Errorf("the README has %d commands; are its console blocks still found?", len(commands))
	}
	for _, c := range commands {
		var got string
		deadline := time.Now().Add(30 * time.Second)
		for {
			out, err := exec.CommandContext(t.Context(), "sh", "-c", local.Replace(c.Line)).CombinedOutput()
			got = strings.TrimSpace(string(out))
			// Counts are eventual; what only reads is asked again.
			if err == nil && walk.Same(got, c.Want) || strings.Contains(c.Line, "-X POST") || time.Now().After(deadline) {
				break
			}
		}
		if !walk.Same(got, c.Want) {
			t.Errorf("$ %s\n got %s\nwant %s", c.Line, got, c.Want)
		}
	}
	stop()
}

// makeRun runs make run until the returned function stops it with a Ctrl-C. It
// waits until the suite says that it is up.
func makeRun(t *testing.T, env []string) (stop func()) {
	t.Helper()
	output := &lockedBuffer{}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "make", "run")
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = programs.root, env, output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	var endErr error
	go func() { defer close(ended); endErr = cmd.Wait() }()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if t.Failed() {
			t.Logf("make run printed:\n%s", output.last(20_000))
		}
	})
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(startTimeout)
	for !strings.Contains(output.String(), "The suite is up") {
		select {
		case <-tick.C:
		case <-ended:
			t.Fatalf("make run ended: %v\n%s", endErr, output.String())
		case <-deadline:
			t.Fatalf("make run is not up after %s:\n%s", startTimeout, output.String())
		}
	}
	return func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
		select {
		case <-ended:
		case <-time.After(time.Minute):
			t.Error("make run goes on after Ctrl-C")
		}
		if !strings.Contains(output.String(), "Everything is stopped.") {
			t.Error("make run does not say that everything is stopped")
		}
	}
}
