package flow

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

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

// failing makes of every ten deliveries one fail before the service sees it,
// and one after the service has handled it.
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

// overlap stands between the sidecar and the analytics service, holds deliveries
// until gate is closed, and sees how many are made at a time.
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

// meter stands between the sidecar and the analytics service. It can hold
// deliveries back, answer them itself, and time them.
type meter struct {
	mu        sync.Mutex
	held      bool // /readyz fails, so that the sidecar delivers nothing
	noop      bool // answer deliveries without counting
	target    int  // how many deliveries are timed
	delivered int
	first     time.Time
	last      time.Time
}

func (m *meter) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		held, noop := m.held, m.noop
		m.mu.Unlock()
		switch {
		case r.URL.Path == "/readyz" && held:
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		case r.URL.Path != "/messages":
			next.ServeHTTP(w, r)
			return
		}
		begin := time.Now()
		if noop {
			_, _ = fmt.Fprint(w, `{"status":"SUCCESS"}`)
		} else {
			next.ServeHTTP(w, r)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.delivered++; m.delivered == 1 {
			m.first = begin
		}
		if m.delivered == m.target {
			m.last = time.Now()
		}
	})
}

func (m *meter) set(held, noop bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held, m.noop, m.delivered = held, noop, 0
}

// rate is in deliveries a second; 0 before the target is reached.
func (m *meter) rate() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.delivered < m.target {
		return 0
	}
	return float64(m.target) / m.last.Sub(m.first).Seconds()
}

func (m *meter) deliveries() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.delivered
}

// paused waits until the sidecar of analytics has noticed that the service is
// not ready.
func (s *suite) paused() {
	s.t.Helper()
	s.eventually(func() bool {
		got, err := s.send("GET", s.analytics[0].DaprURL+"/v1.0/invoke/"+s.analytics[0].AppID+"/method/healthz", "")
		return err == nil && got.status == 500
	}, func() string { return "the sidecar goes on delivering" })
}
