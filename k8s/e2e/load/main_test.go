package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestLoad(t *testing.T) {
	t.Parallel()
	var received atomic.Int64
	chat := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if received.Add(1) == 3 {
			http.Error(w, `{"detail":"no"}`, http.StatusBadGateway)
		}
	}))
	defer chat.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"-url", chat.URL, "-users", "2", "-pause", "1ms", "-address", address})
	}()

	ask := func(method, path string) (s Stats, err error) {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, nil)
		if err != nil {
			return Stats{}, err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return Stats{}, err
		}
		defer func() { _ = resp.Body.Close() }()
		err = json.NewDecoder(resp.Body).Decode(&s)
		return s, err
	}
	var sofar Stats
	for deadline := time.Now().Add(10 * time.Second); sofar.Answered["load-1"] < 5; sofar, err = ask("GET", "/stats") {
		if time.Now().After(deadline) {
			t.Fatalf("after 10s: %+v, %v", sofar, err)
		}
	}
	last, err := ask("POST", "/stop")
	if err != nil {
		t.Fatal(err)
	}
	if all := last.Answered["load-0"] + last.Answered["load-1"] + last.Failed; int64(all) != received.Load() {
		t.Errorf("chat received %d messages, but the statistics are %+v", received.Load(), last)
	}
	if last.Failed != 1 || !strings.Contains(last.Failures[0], "502 Bad Gateway") {
		t.Errorf("the statistics are %+v; want one failure, with its status", last)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
