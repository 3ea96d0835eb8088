package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"daca/services/internal/stack/screen"
	"daca/services/local/repository"
)

func TestLaunch(t *testing.T) {
	t.Parallel()
	t.Run("starts everything, and stops it at Ctrl-C", func(t *testing.T) {
		t.Parallel()
		tr := setup(t, "PATH=/bin")
		stop := tr.start(t)
		tr.expect(t, "Ctrl-C stops everything.")
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
			t.Errorf("its last line is not that everything is stopped:\n%s", tr.screen)
		}
		if _, err := os.Stat(filepath.Join(tr.cfg.Dir, "resources")); err == nil {
			t.Error("the rendered resources are left")
		}
	})
	t.Run("gives secrets to nobody but chat", func(t *testing.T) {
		t.Parallel()
		tr := setup(t, "OPENAI_API_KEY=sk-secret", "REDIS_PASSWORD=pw-secret", "OPENAI_MODEL=m1")
		stop := tr.start(t)
		tr.expect(t, "Ctrl-C stops everything.")
		env := get(t, tr.cfg.ChatPort, "/env")
		if !strings.Contains(env, "OPENAI_API_KEY=sk-secret") || strings.Contains(env, "OPENAI_BASE_URL") {
			t.Errorf("the environment of chat is\n%s", env)
		}
		for _, port := range []int{tr.cfg.AnalyticsPort, tr.cfg.AnalyticsDaprHTTP, tr.cfg.ChatDaprHTTP} {
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
		tr.expect(t, "Ctrl-C stops everything.")
		get(t, tr.cfg.AnalyticsPort, "/die")
		err := tr.wait(t)
		if err == nil || !strings.HasPrefix(err.Error(), "analytics exited with status 3; its last lines:") ||
			!strings.HasSuffix(err.Error(), "asked to die") {
			t.Errorf("got %v", err)
		}
		tr.noneLeft(t, 5)
	})
	t.Run("says so when sidecars do not find each other", func(t *testing.T) {
		t.Parallel()
		tr := setup(t, "STANDIN_LOST=1")
		tr.discovery = 300 * time.Millisecond
		stop := tr.start(t)
		tr.expect(t, "WARNING: the sidecars cannot find each other")
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
		tr.cfg.AnalyticsDaprGRPC = l.Addr().(*net.TCPAddr).Port
		want := fmt.Sprintf("port %d, wanted by analytics' sidecar (gRPC), is taken by local.test (pid %d); "+
			"stop it, or set ANALYTICS_DAPR_GRPC_PORT to another port", tr.cfg.AnalyticsDaprGRPC, os.Getpid())
		if err := tr.launch(t.Context()); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		tr.noneLeft(t, 0)
	})
	t.Run("a port that is taken after it was found free", func(t *testing.T) {
		t.Parallel()
		tr := setup(t)
		tr.build = func(context.Context, ...string) error {
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
	t.Run("a page that cannot be made", func(t *testing.T) {
		t.Parallel()
		tr := setup(t)
		tr.page = func(context.Context, func(string)) error { return errors.New("the registry is away") }
		stop := errors.New("stop here")
		var got []string
		tr.build = func(_ context.Context, variables ...string) error {
			got = variables
			return stop
		}
		if err := tr.launch(t.Context()); !errors.Is(err, stop) {
			t.Errorf("got %v, want that the services are built all the same", err)
		}
		if !slices.Equal(got, []string{repository.WithoutPage}) ||
			!strings.Contains(tr.screen.String(), "the registry is away") {
			t.Errorf("built with %q after\n%s", got, tr.screen)
		}
		tr.noneLeft(t, 0)
	})
	t.Run("a Redis that does not answer", func(t *testing.T) {
		t.Parallel()
		tr := setup(t)
		tr.cfg.RedisHost = fmt.Sprintf("127.0.0.1:%d", tr.cfg.ModelPort) // nothing listens there yet
		err := tr.launch(t.Context())
		if err == nil || !strings.HasPrefix(err.Error(), "REDIS_HOST or REDIS_PASSWORD: connecting to Redis: ") {
			t.Errorf("got %v", err)
		}
		tr.noneLeft(t, 0)
	})
	t.Run("the directory of another launcher", func(t *testing.T) {
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
	out := screen.New()
	err = run(t.Context(), nil, []string{"CHAT_PORT=" + port, "DACA_DIR=" + t.TempDir()}, out)
	if err == nil || !strings.HasPrefix(err.Error(), "port "+port+", wanted by the chat service, is taken") {
		t.Errorf("got %v", err)
	}
	if err := run(t.Context(), []string{"help"}, nil, out); err == nil || !strings.HasPrefix(err.Error(), "usage: ") {
		t.Errorf("got %v", err)
	}
}
