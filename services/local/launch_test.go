package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"daca/services/internal/stack"
	"daca/services/local/steps"
)

const deadline = 30 * time.Second

// screen is a terminal whose content tests wait for.
type screen struct {
	mu      sync.Mutex
	content bytes.Buffer
	changed chan struct{}
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
	return s.content.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.content.String()
}

func (s *screen) waitFor(t *testing.T, text string) {
	t.Helper()
	timeout := time.After(deadline)
	for !strings.Contains(s.String(), text) {
		select {
		case <-s.changed:
		case <-timeout:
			t.Fatalf("%q did not appear in:\n%s", text, s)
		}
	}
}

// trial is a launcher of stand-ins on free ports.
type trial struct {
	launcher

	screen *screen
	ended  chan error
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
	ports, release, err := stack.FreePorts(9)
	if err != nil {
		t.Fatal(err)
	}
	release()
	cfg.ChatPort, cfg.AnalyticsPort, cfg.ModelPort = ports[0], ports[1], ports[2]
	cfg.ChatDaprHTTP, cfg.ChatDaprGRPC, cfg.ChatDaprInternal = ports[3], ports[4], ports[5]
	cfg.DaprHTTP, cfg.DaprGRPC, cfg.DaprInternal = ports[6], ports[7], ports[8]
	cfg.Dir = t.TempDir()
	out := &screen{changed: make(chan struct{}, 1)}
	return &trial{
		screen: out,
		ended:  make(chan error, 1),
		launcher: launcher{
			cfg: cfg, environ: environ, term: steps.New(out), bin: bin,
			components: filepath.Join("..", "..", "components"),
			daprd:      func(context.Context, func(string)) (string, error) { return filepath.Join(bin, "daprd"), nil },
			build:      func(context.Context) error { return nil },
			discovery:  deadline,
		},
	}
}

// start launches the trial; stop ends it as Ctrl-C does.
func (tr *trial) start(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go func() { tr.ended <- tr.launch(ctx) }()
	return cancel
}

func (tr *trial) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-tr.ended:
		return err
	case <-time.After(deadline):
		t.Fatalf("the launcher did not end:\n%s", tr.screen)
		return nil
	}
}

// noneLeft checks that want processes said their pid, and all are gone with
// their groups.
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

func TestLaunch(t *testing.T) {
	t.Parallel()
	t.Run("starts everything, and stops it when told to", func(t *testing.T) {
		t.Parallel()
		tr := setup(t, "PATH=/bin")
		stop := tr.start(t)
		tr.screen.waitFor(t, "Ctrl-C stops everything.")
		env := get(t, tr.cfg.ChatPort, "/env")
		for _, want := range []string{
			fmt.Sprintf("OPENAI_BASE_URL=http://127.0.0.1:%d/v1\n", tr.cfg.ModelPort), "OPENAI_MODEL=offline",
			"SPOOL_PATH=" + tr.cfg.Dir, "HOST=127.0.0.1\n", "PATH=/bin\n",
		} {
			if !strings.Contains(env, want) {
				t.Errorf("the environment of chat lacks %q:\n%s", want, env)
			}
		}
		stop()
		if err := tr.wait(t); err != nil {
			t.Errorf("it ended with %v", err)
		}
		tr.noneLeft(t, 5)
		if !strings.HasSuffix(tr.screen.String(), "Everything is stopped.\n") {
			t.Errorf("its last words are not that everything is stopped:\n%s", tr.screen)
		}
		if _, err := os.Stat(filepath.Join(tr.cfg.Dir, "resources")); err == nil {
			t.Error("the rendered resources are left")
		}
	})
	t.Run("gives secrets to nobody but chat", func(t *testing.T) {
		t.Parallel()
		tr := setup(t, "OPENAI_API_KEY=sk-secret", "REDIS_PASSWORD=pw-secret", "OPENAI_MODEL=m1")
		stop := tr.start(t)
		tr.screen.waitFor(t, "Ctrl-C stops everything.")
		if env := get(t, tr.cfg.ChatPort, "/env"); !strings.Contains(env, "OPENAI_API_KEY=sk-secret") || strings.Contains(env, "OPENAI_BASE_URL") {
			t.Errorf("the environment of chat is\n%s", env)
		}
		for _, port := range []int{tr.cfg.AnalyticsPort, tr.cfg.DaprHTTP, tr.cfg.ChatDaprHTTP} {
			if env := get(t, port, "/env"); env == "" || strings.Contains(env, "secret") {
				t.Errorf("the environment of another is\n%s", env)
			}
		}
		stop()
		_ = tr.wait(t)
		tr.noneLeft(t, 4)
		if strings.Contains(tr.screen.String(), "secret") {
			t.Errorf("it printed a secret:\n%s", tr.screen)
		}
	})
	t.Run("ends when a part dies", func(t *testing.T) {
		t.Parallel()
		tr := setup(t)
		tr.start(t)
		tr.screen.waitFor(t, "Ctrl-C stops everything.")
		get(t, tr.cfg.AnalyticsPort, "/die")
		err := tr.wait(t)
		if err == nil || !strings.HasPrefix(err.Error(), "analytics exited with status 3; its last lines:") || !strings.HasSuffix(err.Error(), "asked to die") {
			t.Errorf("got %v", err)
		}
		tr.noneLeft(t, 5)
	})
	t.Run("says so when sidecars do not find each other", func(t *testing.T) {
		t.Parallel()
		tr := setup(t, "STANDIN_LOST=1")
		tr.discovery = 300 * time.Millisecond
		stop := tr.start(t)
		tr.screen.waitFor(t, "WARNING: the sidecars cannot find each other")
		stop()
		if err := tr.wait(t); err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
}

func TestLaunchRefuses(t *testing.T) {
	t.Parallel()
	t.Run("a port that is taken", func(t *testing.T) {
		t.Parallel()
		tr := setup(t)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		tr.cfg.DaprGRPC = l.Addr().(*net.TCPAddr).Port
		want := fmt.Sprintf("port %d, wanted by analytics' sidecar (gRPC), is taken by local.test (pid %d); "+
			"stop it, or set ANALYTICS_DAPR_GRPC_PORT to another port", tr.cfg.DaprGRPC, os.Getpid())
		if err := tr.launch(t.Context()); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		tr.noneLeft(t, 0)
	})
	t.Run("a port that is taken after it was found free", func(t *testing.T) {
		t.Parallel()
		tr := setup(t)
		tr.build = func(context.Context) error {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", tr.cfg.AnalyticsPort))
			if err != nil {
				return err
			}
			t.Cleanup(func() { _ = l.Close() })
			go func() { _ = http.Serve(l, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})) }()
			return nil
		}
		want := fmt.Sprintf("port %d, wanted by the analytics service, is taken by local.test (pid %d); "+
			"stop it, or set ANALYTICS_PORT to another port", tr.cfg.AnalyticsPort, os.Getpid())
		if err := tr.launch(t.Context()); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s\n%s", err, want, tr.screen)
		}
		if strings.Contains(tr.screen.String(), "Analytics service is ready") {
			t.Errorf("it took another server for the analytics service:\n%s", tr.screen)
		}
		tr.noneLeft(t, 3)
	})
	t.Run("a Redis that does not answer", func(t *testing.T) {
		t.Parallel()
		tr := setup(t)
		tr.cfg.RedisHost = fmt.Sprintf("127.0.0.1:%d", tr.cfg.ModelPort)
		if err := tr.launch(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "REDIS_HOST or REDIS_PASSWORD: connecting to Redis: ") {
			t.Errorf("got %v", err)
		}
		tr.noneLeft(t, 0)
	})
	t.Run("the directory of another suite", func(t *testing.T) {
		t.Parallel()
		tr := setup(t)
		lock := flock.New(filepath.Join(tr.cfg.Dir, "lock"))
		if locked, err := lock.TryLock(); err != nil || !locked {
			t.Fatal(locked, err)
		}
		defer func() { _ = lock.Unlock() }()
		if err := tr.launch(t.Context()); err == nil || !strings.Contains(err.Error(), "set DACA_DIR") {
			t.Errorf("got %v", err)
		}
	})
}

// run wires the launcher to the repository; it gets as far as the first port.
func TestRun(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	out := &screen{changed: make(chan struct{}, 1)}
	err = run(t.Context(), nil, []string{"CHAT_PORT=" + port, "DACA_DIR=" + t.TempDir()}, out)
	if err == nil || !strings.HasPrefix(err.Error(), "port "+port+", wanted by the chat service, is taken") {
		t.Errorf("got %v", err)
	}
	if err := run(t.Context(), []string{"help"}, nil, out); err == nil || !strings.HasPrefix(err.Error(), "usage: ") {
		t.Errorf("got %v", err)
	}
}
