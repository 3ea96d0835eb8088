package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestSupervisor(t *testing.T) {
	t.Parallel()

	t.Run("runs the newer program after a restart", func(t *testing.T) {
		t.Parallel()
		f := setup(t)
		f.write(t, "program", serve("old"))
		f.start()
		f.expect(t, "old")
		f.write(t, "newer", serve("new"))
		f.signals <- syscall.SIGHUP
		f.expect(t, "old old-stopped new")
		f.stop(t)
		f.expect(t, "old old-stopped new new-stopped")
	})

	t.Run("runs the newer program at once if there is one", func(t *testing.T) {
		t.Parallel()
		f := setup(t)
		f.write(t, "program", serve("old"))
		f.write(t, "newer", serve("new"))
		f.start()
		f.expect(t, "new")
		f.stop(t)
	})

	t.Run("kills a program that does not stop", func(t *testing.T) {
		t.Parallel()
		f := setup(t)
		f.patience = 100 * time.Millisecond
		f.write(t, "program", "trap '' TERM; echo deaf >> $log; while :; do sleep 0.02; done")
		f.start()
		f.expect(t, "deaf")
		f.write(t, "newer", serve("new"))
		f.signals <- syscall.SIGHUP
		f.expect(t, "deaf new")
		f.stop(t)
	})

	t.Run("ends for good when it is stopped during a restart", func(t *testing.T) {
		t.Parallel()
		f := setup(t)
		f.write(t, "program", serve("old"))
		f.start()
		f.expect(t, "old")
		f.signals <- syscall.SIGHUP
		f.stop(t)
		f.expect(t, "old old-stopped")
	})

	t.Run("ends as the program ends", func(t *testing.T) {
		t.Parallel()
		f := setup(t)
		f.write(t, "program", "exit 3")
		f.start()
		var exit *exec.ExitError
		if err := <-f.ended; !errors.As(err, &exit) || exit.ExitCode() != 3 {
			t.Errorf("got %v, want exit code 3", err)
		}
	})

	t.Run("names the program that is missing", func(t *testing.T) {
		t.Parallel()
		f := setup(t)
		f.start()
		if err := <-f.ended; err == nil || !strings.Contains(err.Error(), f.program) {
			t.Errorf("got %v, want the path", err)
		}
	})
}

func TestRestart(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.write(t, "program", "trap 'echo asked >> $log; exit 0' HUP; echo up >> $log; while :; do sleep 0.02; done")
	cmd := exec.Command(f.program)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	f.expect(t, "up")
	if err := restart(cmd.Process.Pid); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	f.expect(t, "up asked")
	if err := restart(cmd.Process.Pid); err == nil {
		t.Error("no error for a process that is gone")
	}
}

// serve returns the script of a program that logs its start and its stop.
func serve(name string) string {
	return "trap 'echo " + name + "-stopped >> $log; exit 0' TERM\n" +
		"echo " + name + " >> $log\n" +
		"while :; do sleep 0.02; done"
}

type fixture struct {
	supervisor
	dir     string
	signals chan os.Signal
	ended   chan error
}

func setup(t *testing.T) *fixture {
	t.Helper()
	dir := t.TempDir()
	return &fixture{
		supervisor: supervisor{
			program:  filepath.Join(dir, "program"),
			newer:    filepath.Join(dir, "newer"),
			patience: time.Minute,
		},
		dir:     dir,
		signals: make(chan os.Signal, 8),
		ended:   make(chan error, 1),
	}
}

// write makes a program of a shell script, in which $log is what expect reads.
func (f *fixture) write(t *testing.T, name, script string) {
	t.Helper()
	script = "#!/bin/sh\nlog='" + filepath.Join(f.dir, "log") + "'\n" + script + "\n"
	syscall.ForkLock.RLock() // what a fork has open for writing cannot be run
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) start() {
	go func() { f.ended <- f.run(context.Background(), f.signals) }()
}

func (f *fixture) stop(t *testing.T) {
	t.Helper()
	f.signals <- syscall.SIGTERM
	if err := <-f.ended; err != nil {
		t.Error(err)
	}
}

func (f *fixture) expect(t *testing.T, want string) {
	t.Helper()
	var got string
	for begin := time.Now(); time.Since(begin) < 30*time.Second; <-time.After(5 * time.Millisecond) {
		log, _ := os.ReadFile(filepath.Join(f.dir, "log"))
		if got = strings.Join(strings.Fields(string(log)), " "); got == want {
			return
		}
	}
	t.Fatalf("logged %q, want %q", got, want)
}
