package flow

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"daca/services/flow/walk"
	"daca/services/internal/stack"
	"daca/services/internal/stack/screen"
)

// TestReadme does what the README tells a newcomer to do: make run, then every
// command of its console blocks, with the answers that it shows.
func TestReadme(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join(programs.root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	env, ports := makeRunEnv(t)
	var replacements []string
	for shown, port := range ports {
		replacements = append(replacements, "localhost:"+shown, "localhost:"+port)
	}
	stop := makeRun(t, env)

	local := strings.NewReplacer(replacements...)
	commands := walk.Commands(string(readme), "console")
	if len(commands) < 15 {
		t.Errorf("the README has %d commands; are its console blocks still found?", len(commands))
	}
	for _, command := range commands {
		var got string
		answered := func() bool {
			out, err := exec.CommandContext(t.Context(), "sh", "-c", local.Replace(command.Line)).CombinedOutput()
			got = strings.TrimSpace(string(out))
			return err == nil && walk.Same(got, command.Want)
		}
		// Counts are eventual, so that a command that only reads is tried again.
		if strings.Contains(command.Line, "-X POST") {
			answered()
		} else {
			within(30*time.Second, answered)
		}
		if !walk.Same(got, command.Want) {
			t.Errorf("$ %s\n got %s\nwant %s", command.Line, got, command.Want)
		}
	}
	stop()
}

// makeRunEnv returns an environment for make run with a new directory and free ports,
// and the free ports by those that people type.
func makeRunEnv(t *testing.T) (env []string, ports map[string]string) {
	t.Helper()
	typed := map[string]string{
		"CHAT_PORT": "8000", "ANALYTICS_PORT": "8001", "MODEL_PORT": "8002",
		"CHAT_DAPR_HTTP_PORT": "3500", "ANALYTICS_DAPR_HTTP_PORT": "3501",
	}
	free, release, err := stack.FreePorts(len(typed))
	if err != nil {
		t.Fatal(err)
	}
	release()
	env = append(stack.BaseEnv(os.Environ()), "DACA_DIR="+t.TempDir())
	ports = map[string]string{}
	for variable, port := range typed {
		ports[port] = strconv.Itoa(free[0])
		env = append(env, variable+"="+ports[port])
		free = free[1:]
	}
	return env, ports
}

// makeRun runs make run until the returned function stops it with a Ctrl-C. It
// returns when make run prints that the suite is up.
func makeRun(t *testing.T, env []string) (stop func()) {
	t.Helper()
	signal, printed := startMakeRun(t, env)
	return func() {
		signal(syscall.SIGINT)
		if !strings.Contains(printed.String(), "Everything is stopped.") {
			t.Error("make run does not print that everything is stopped")
		}
	}
}

// startMakeRun runs make run until the returned function ends it with a signal. It
// returns when make run prints that the suite is up.
func startMakeRun(t *testing.T, env []string) (signal func(syscall.Signal), printed *screen.Screen) {
	t.Helper()
	printed = screen.New()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "make", "run")
	cmd.Dir = programs.root
	cmd.Env = env
	cmd.Stdout = printed
	cmd.Stderr = printed
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	running, ended := context.WithCancelCause(context.WithoutCancel(t.Context()))
	go func() { ended(errors.Join(errors.New("make run ended"), cmd.Wait())) }()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if t.Failed() {
			t.Logf("make run printed:\n%s", end(printed.String(), 20_000))
		}
	})
	ctx, cancel := context.WithTimeout(running, startTimeout)
	defer cancel()
	if err := printed.WaitFor(ctx, "The suite is up"); err != nil {
		t.Fatal(err)
	}
	return func(sig syscall.Signal) {
		_ = syscall.Kill(-cmd.Process.Pid, sig)
		select {
		case <-running.Done():
		case <-time.After(time.Minute):
			t.Errorf("make run goes on after the signal %s", sig)
		}
	}, printed
}
