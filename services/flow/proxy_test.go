package flow

import (
	"bytes"
	"fmt"
	"io"
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

// refuseFor answers 500 to deliveries for the user.
func refuseFor(user string, next http.Handler, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || bytes.Contains(body, []byte(`"user_id":"`+user+`"`)) {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	next.ServeHTTP(w, r)
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

// overlap stands between the sidecar and the analytics service. It holds deliveries
// back until gate is closed, and counts how many are made at a time.
type overlap struct {
	gate    chan struct{}
	mu      sync.Mutex
	current int
	highest int
}

func (o *overlap) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/messages" {
			o.change(+1)
			defer o.change(-1)
			select {
			case <-o.gate:
			case <-r.Context().Done():
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func (o *overlap) change(by int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.current += by
	o.highest = max(o.highest, o.current)
}

func (o *overlap) most() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.highest
}
