package serve

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"testing"
	"time"
)

// TestRunFinishesRequestsInFlight holds the graceful stop: a request that has
// arrived is answered, and Run returns without an error.
func TestRunFinishesRequestsInFlight(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan struct{})
	release := make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(started)
		<-release
		_, _ = io.WriteString(w, "finished")
	})
	ctx, stop := context.WithCancel(t.Context())
	returned := make(chan error, 1)
	go func() {
		cfg := Config{ShutdownGrace: time.Minute}
		returned <- runServer(ctx, listener, cfg, handler, slog.New(slog.DiscardHandler), func() { close(release) })
	}()
	answers := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + listener.Addr().String())
		if err != nil {
			answers <- err.Error()
			return
		}
		defer func() { _ = resp.Body.Close() }()
		body, _ := io.ReadAll(resp.Body)
		answers <- string(body)
	}()
	<-started
	stop()
	if got := <-answers; got != "finished" {
		t.Errorf("the request in flight got %q", got)
	}
	if err := <-returned; err != nil {
		t.Errorf("Run returns %v", err)
	}
}

// TestAnswersDuringAStopCloseTheirConnections holds the delay of a stop: requests are
// answered, and clients are told not to use their connections again.
func TestAnswersDuringAStopCloseTheirConnections(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "served") })
	ctx, stop := context.WithCancel(t.Context())
	stopping := make(chan struct{})
	returned := make(chan error, 1)
	go func() {
		cfg := Config{ShutdownDelay: time.Hour, ShutdownGrace: time.Minute}
		returned <- runServer(ctx, listener, cfg, handler, slog.New(slog.DiscardHandler), func() { close(stopping) })
	}()
	client := http.Client{Transport: &http.Transport{}}
	get := func() (body string, closes bool) {
		t.Helper()
		resp, err := client.Get("http://" + listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text), resp.Close
	}
	if body, closes := get(); body != "served" || closes {
		t.Errorf("got %q, closes %t", body, closes)
	}
	stop()
	<-stopping
	for range 2 { // first on the open connection, then on a new one
		if body, closes := get(); body != "served" || !closes {
			t.Errorf("while stopping: got %q, closes %t", body, closes)
		}
	}
	_ = listener.Close() // rather than wait for an hour
	if err := <-returned; err == nil {
		t.Error("a server without its listener returns no error")
	}
}

// TestClientsThatDoNotReadAreLeft holds that a client that takes nothing of its
// answer keeps neither its handler nor a stop waiting, and that one that is only slow
// gets everything.
func TestClientsThatDoNotReadAreLeft(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	const grace = 2 * time.Second  // clients get half of it for each part of an answer
	answer := make([]byte, 16<<20) // more than the buffers of the connection
	left := make(chan error, 1)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := w.Write(answer)
		if r.URL.Path == "/never" {
			left <- err
		}
	})
	ctx, stop := context.WithCancel(t.Context())
	returned := make(chan error, 1)
	go func() {
		cfg := Config{ShutdownGrace: grace}
		returned <- runServer(ctx, listener, cfg, handler, slog.New(slog.DiscardHandler), func() {})
	}()

	request := func(path string) net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	request("/never")
	if err := <-left; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the write to a client that reads nothing ends with %v; want a timeout", err)
	}

	slow := request("/slow")
	started := time.Now()
	total := int64(0)
	for pause := time.NewTicker(20 * time.Millisecond); ; <-pause.C {
		n, err := io.CopyN(io.Discard, slow, 256<<10)
		total += n
		if err != nil {
			pause.Stop()
			break
		}
	}
	if total < int64(len(answer)) || time.Since(started) < grace/2 {
		t.Errorf("a slow client got %d bytes in %s; want all, in more time than for one write", total, time.Since(started))
	}

	request("/never")
	stop()
	if err := <-returned; err != nil {
		t.Errorf("a client that does not read makes the stop fail: %v", err)
	}
}

// TestClientsThatSendSlowlyAreLeft holds the same for requests that never end.
func TestClientsThatSendSlowlyAreLeft(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan struct{})
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(started)
		_, _ = io.Copy(io.Discard, r.Body)
	})
	ctx, stop := context.WithCancel(t.Context())
	returned := make(chan error, 1)
	go func() {
		cfg := Config{ShutdownGrace: time.Second}
		returned <- runServer(ctx, listener, cfg, handler, slog.New(slog.DiscardHandler), func() {})
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf"); err != nil {
		t.Fatal(err)
	}
	<-started
	stop()
	if err := <-returned; err != nil {
		t.Errorf("a request that never ends makes the stop fail: %v", err)
	}
}
