package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"daca/services/internal/stack"
	"daca/services/internal/stack/screen"
	"daca/services/local/steps"
)

const deadline = 30 * time.Second

// trial is a launcher of stand-ins on free ports.
type trial struct {
	launcher

	screen  *screen.Screen
	running context.Context // ends with the launcher; its cause is how it ended
}

func setup(t *testing.T, environ ...string) *trial {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	for _, name := range []string{"chat", "analytics", "model", "daprd"} {
		if err := os.Symlink(program, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := parseConfig(environ)
	if err != nil {
		t.Fatal(err)
	}
	ports, release, err := stack.FreePorts(5)
	if err != nil {
		t.Fatal(err)
	}
	release()
	for i, typed := range []*int{
		&cfg.ChatPort, &cfg.AnalyticsPort, &cfg.ModelPort, &cfg.ChatDaprHTTP, &cfg.AnalyticsDaprHTTP,
	} {
		*typed = ports[i]
	}
	cfg.Dir = t.TempDir()
	if cfg.Store == "" && cfg.RedisHost == "" {
		cfg.Store = storeEmbedded
	}
	out := screen.New()
	return &trial{
		screen: out,
		launcher: launcher{
			cfg:        cfg,
			environ:    environ,
			term:       steps.New(out),
			components: cmp.Or(cfg.Components, filepath.Join("..", "..", "components")),
			bin:        bin,
			daprd: func(context.Context, func(string)) (string, error) {
				return filepath.Join(bin, "daprd"), nil
			},
			page:       func(context.Context, func(string)) error { return nil },
			build:      func(context.Context, ...string) error { return nil },
			discovery:  deadline,
			trimScript: filepath.Join("..", "..", "charts", "daca", "files", "trim.lua"),
			trimEvery:  50 * time.Millisecond,
		},
	}
}

// start launches the trial; stop ends it as Ctrl-C does.
func (tr *trial) start(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	running, ended := context.WithCancelCause(context.WithoutCancel(t.Context()))
	tr.running = running
	go func() { ended(cmp.Or(tr.launch(ctx), errStopped)) }()
	return cancel
}

// errStopped is the cause of the end of a trial without an error.
var errStopped = errors.New("the launcher was stopped")

// expect fails the test unless the launcher prints the text.
func (tr *trial) expect(t *testing.T, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(tr.running, deadline)
	defer cancel()
	if err := tr.screen.WaitFor(ctx, text); err != nil {
		t.Fatal(err)
	}
}

// wait waits for the end of the launcher and returns its error.
func (tr *trial) wait(t *testing.T) error {
	t.Helper()
	select {
	case <-tr.running.Done():
	case <-time.After(deadline):
		t.Fatalf("the launcher did not end:\n%s", tr.screen)
	}
	if err := context.Cause(tr.running); !errors.Is(err, errStopped) {
		return err
	}
	return nil
}

// noneLeft checks that as many processes as wanted have printed their ids, and
// that none of them and of their groups is left.
func (tr *trial) noneLeft(t *testing.T, want int) {
	t.Helper()
	pids := regexp.MustCompile(`pid=(\d+)`).FindAllStringSubmatch(tr.screen.String(), -1)
	if len(pids) != want {
		t.Errorf("%d processes were started, want %d:\n%s", len(pids), want, tr.screen)
	}
	for _, match := range pids {
		pid, _ := strconv.Atoi(match[1])
		if err := syscall.Kill(-pid, 0); err == nil {
			t.Errorf("process group %d is still there:\n%s", pid, tr.screen)
		}
	}
}

func get(t *testing.T, port int, path string) string {
	t.Helper()
	response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", port, path))
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
