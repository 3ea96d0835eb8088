package flow

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"daca/services/internal/stack"
)

// transform wraps the analytics service.
type transform func(next http.Handler) http.Handler

// interpose starts a proxy in front of a service that is going to listen on appPort,
// and wraps it.
func interpose(t testing.TB, wrap transform) (appPort, proxyPort int) {
	t.Helper()
	ports, release, err := stack.FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	release()
	target := &url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", ports[0])}
	server := &http.Server{Handler: wrap(newProxy(target)), ReadHeaderTimeout: time.Minute}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close(); <-served })
	return ports[0], listener.Addr().(*net.TCPAddr).Port
}

func newProxy(target *url.URL) http.Handler {
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = &http.Transport{MaxIdleConnsPerHost: 100} // the default keeps 2 connections
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	return proxy
}

// failing lets two of ten deliveries fail: one before the service gets it, and one
// after the service has handled it.
func failing(next http.Handler) http.Handler {
	var n atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/messages") {
			next.ServeHTTP(w, r)
			return
		}
		switch n.Add(1) % 10 {
		case 3:
			w.WriteHeader(http.StatusInternalServerError)
		case 7:
			next.ServeHTTP(httptest.NewRecorder(), r)
			w.WriteHeader(http.StatusInternalServerError)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// doubting answers RETRY for one in ten events of a batch, each after the service has
// handled it.
func doubting(next http.Handler) http.Handler {
	var n atomic.Int64
	success := []byte(`"SUCCESS"`)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/messages" {
			next.ServeHTTP(w, r)
			return
		}
		recorder := httptest.NewRecorder()
		next.ServeHTTP(recorder, r)
		parts := bytes.Split(recorder.Body.Bytes(), success)
		var answer []byte
		for i, part := range parts {
			answer = append(answer, part...)
			switch {
			case i == len(parts)-1:
			case n.Add(1)%10 == 0:
				answer = append(answer, `"RETRY"`...)
			default:
				answer = append(answer, success...)
			}
		}
		w.WriteHeader(recorder.Code)
		_, _ = w.Write(answer)
	})
}

// mixedUp cuts answers off, empties them, swaps them with those of other requests, or
// closes the connection: what daprd up to 1.18.2 may make of them by itself.
func mixedUp(next http.Handler) http.Handler {
	var n atomic.Int64
	var mu sync.Mutex
	var kept []byte
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/messages" {
			next.ServeHTTP(w, r)
			return
		}
		recorder := httptest.NewRecorder()
		next.ServeHTTP(recorder, r)
		body := recorder.Body.Bytes()
		mu.Lock()
		kept, body = body, kept
		mu.Unlock()
		switch n.Add(1) % 8 {
		case 1: // nothing
			return
		case 3:
			_, _ = w.Write(recorder.Body.Bytes()[:recorder.Body.Len()/2])
			return
		case 5:
			_, _ = w.Write(body) // the one before
			return
		case 7:
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write(recorder.Body.Bytes())
	})
}
