package stack

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"daca/services/internal/stack/screen"
)

// start runs a shell script as a process named "part" and waits for its first
// line, which every script ends its preparations with.
func start(t *testing.T, script string, grace time.Duration) (*Process, *screen.Screen) {
	t.Helper()
	out := screen.New()
	p := NewProcess(Command{
		Name: "part", Path: "/bin/sh", Args: []string{"-c", script}, Grace: grace, Output: NewOutput(out, false),
	})
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	out.Expect(t, "\n")
	return p, out
}

func TestProcess(t *testing.T) {
	t.Parallel()
	t.Run("prefixes each line of both outputs with its name", func(t *testing.T) {
		t.Parallel()
		p, out := start(t, `echo one; echo two >&2; printf three`, 0)
		_ = p.Wait()
		want := "part           | one\npart           | two\npart           | three\n"
		if out.String() != want {
			t.Errorf("got %q, want %q", out, want)
		}
	})
	t.Run("stops at SIGTERM and starts again", func(t *testing.T) {
		t.Parallel()
		p, _ := start(t, `echo up; exec sleep 1000`, time.Minute)
		if err := p.Start(t.Context()); err == nil {
			t.Error("a second start of a running process succeeded")
		}
		for range 2 {
			if err := p.Stop(t.Context()); err != nil {
				t.Errorf("Stop: %v", err)
			}
			if err := p.Wait(); err != nil {
				t.Errorf("Wait after Stop: %v", err)
			}
			if err := p.Start(t.Context()); err != nil {
				t.Fatalf("starting again: %v", err)
			}
		}
	})
	t.Run("kills what ignores SIGTERM for longer than the grace", func(t *testing.T) {
		t.Parallel()
		p, _ := start(t, `trap "" TERM; echo up; while :; do sleep 1000; done`, 50*time.Millisecond)
		if err := p.Stop(t.Context()); err == nil || !strings.Contains(err.Error(), "part did not end within 50ms") {
			t.Errorf("Stop: %v", err)
		}
		if err := syscall.Kill(p.Pid(), 0); err == nil {
			t.Error("it still runs")
		}
	})
	t.Run("kills at once when the context of Stop ends", func(t *testing.T) {
		t.Parallel()
		p, _ := start(t, `trap "" TERM; echo up; while :; do sleep 1000; done`, time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.Stop(ctx); err == nil {
			t.Error("Stop returned no error")
		}
	})
	t.Run("takes its children along", func(t *testing.T) {
		t.Parallel()
		for name, script := range map[string]string{
			"killed":          `exec >"$0" 2>&1; sleep 1000 & wait`,
			"ended by itself": `exec >"$0" 2>&1; sleep 1000 &`,
		} {
			fifo := filepath.Join(t.TempDir(), "fifo")
			if err := syscall.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			p := NewProcess(Command{Name: "part", Path: "/bin/sh", Args: []string{"-c", script, fifo}})
			if err := p.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			reader, err := os.Open(fifo) // returns when the script has it open
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = reader.Close() }()
			if name == "killed" {
				p.Kill()
			}
			<-p.Done()
			_ = reader.SetReadDeadline(time.Now().Add(20 * time.Second))
			if _, err := io.ReadAll(reader); err != nil { // until both have ended
				t.Errorf("%s: the grandchild outlived its parent: %v", name, err)
			}
		}
	})
	t.Run("returns how it died and its last lines", func(t *testing.T) {
		t.Parallel()
		p, _ := start(t, `seq 20; echo "no such database" >&2; exit 3`, 0)
		err := p.Wait()
		if err == nil || !strings.HasPrefix(err.Error(), "part exited with status 3; its last lines:\n    10\n") ||
			!strings.HasSuffix(err.Error(), "\n    no such database") {
			t.Errorf("got %v", err)
		}
		p, _ = start(t, `echo up; exec sleep 1000`, 0)
		if err := p.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if err := p.Wait(); err == nil || !strings.HasPrefix(err.Error(), "part was ended by killed;") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("names what cannot be started", func(t *testing.T) {
		t.Parallel()
		p := NewProcess(Command{Name: "part", Path: filepath.Join(t.TempDir(), "missing")})
		if err := p.Start(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "starting part: ") {
			t.Errorf("got %v", err)
		}
		if p.Done() != nil || p.Stop(t.Context()) != nil {
			t.Error("it behaves as if it had been started")
		}
	})
}
