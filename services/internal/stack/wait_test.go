package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"daca/services/internal/stack/stacktest"
)

// stranger is a server that is not part of any stack and answers 200 to all. It
// calls asked at each request.
func stranger(t *testing.T, asked func()) (url string, port int) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked() }))
	t.Cleanup(server.Close)
	return server.URL, server.Listener.Addr().(*net.TCPAddr).Port
}

// wanting starts a shell script as a process that should listen on the port.
func wanting(t *testing.T, port int, script string) *Process {
	t.Helper()
	p := NewProcess(Command{Name: "part", Path: "/bin/sh", Args: []string{"-c", script}, Ports: []int{port}})
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func TestWaitReadyAcceptsNoAnswerOfAStranger(t *testing.T) {
	t.Parallel()
	thisProgram := fmt.Sprintf("%s (pid %d)", filepath.Base(os.Args[0]), os.Getpid())
	t.Run("while the process fails to start", func(t *testing.T) {
		t.Parallel()
		url, port := stranger(t, func() {})
		p := wanting(t, port, `sleep 0.3; echo "address already in use" >&2; exit 1`)
		err := WaitReady(t.Context(), url, p)
		want := fmt.Sprintf("port %d is taken by %s: part exited with status 1; its last lines:\n"+
			"    address already in use", port, thisProgram)
		if err == nil || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	})
	t.Run("while the process does not listen", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		var requests atomic.Int32
		url, port := stranger(t, func() {
			if requests.Add(1) == 2 { // the first answer was not accepted
				cancel()
			}
		})
		p := wanting(t, port, `exec sleep 1000`)
		err := WaitReady(ctx, url, p)
		var taken *TakenError
		if !errors.As(err, &taken) || taken.Port != port || taken.Holder != thisProgram {
			t.Errorf("got %v", err)
		}
	})
	t.Run("unless the port belongs to none of the processes", func(t *testing.T) {
		t.Parallel()
		url, port := stranger(t, func() {})
		p := wanting(t, port+1, `exec sleep 1000`)
		if err := WaitReady(t.Context(), url, p); err != nil {
			t.Error(err)
		}
	})
}

func TestAChildOfAProcessListensForIt(t *testing.T) {
	t.Parallel()
	stacktest.NeedRedisServer(t)
	ports, release, err := FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	release()
	port := ports[0]
	p := wanting(t, port, fmt.Sprintf(`redis-server --port %d --bind 127.0.0.1 --save "" & wait`, port))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err = await(ctx, "redis-server", []*Process{p}, func(ctx context.Context) error {
		if err := Ping(ctx, loopback(port), ""); err != nil {
			return err
		}
		return p.confirm(ctx, port)
	})
	if err != nil {
		t.Error(err)
	}
	other := wanting(t, port, `exec sleep 1000`)
	if err := other.confirm(t.Context(), port); err == nil || !strings.Contains(err.Error(), "redis-server") {
		t.Errorf("the same port of another process: %v", err)
	}
}
