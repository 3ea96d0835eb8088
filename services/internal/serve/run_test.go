package serve

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
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
