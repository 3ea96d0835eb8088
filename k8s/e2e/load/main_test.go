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

	stats := func(method, path string) (s Stats) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); ; {
			req, _ := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, nil)
			resp, err := http.DefaultClient.Do(req)
			if err == nil {
				err = json.NewDecoder(resp.Body).Decode(&s)
				_ = resp.Body.Close()
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
	}
	for deadline := time.Now().Add(10 * time.Second); stats("GET", "/stats").Answered["load-1"] < 5; {
		if time.Now().After(deadline) {
			t.Fatal("nothing is answered")
		}
	}
	last := stats("POST", "/stop")
	if all := last.Answered["load-0"] + last.Answered["load-1"] + last.Failed; int64(all) != received.Load() {
		t.Errorf("%+v, but %d messages were received", last, received.Load())
	}
	if last.Failed != 1 || !strings.Contains(last.Failures[0], "502 Bad Gateway") {
		t.Errorf("got %+v", last)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
