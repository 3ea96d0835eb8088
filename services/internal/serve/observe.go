package serve

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// version is set by the linker: -X daca/services/internal/serve.version=1.2.3
var version string

// Version returns the version that the linker stamped, the one that the go
// command recorded, or "dev".
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

// NewLogger returns a logger that writes format ("text" or "json") at level
// and names the service in every line.
func NewLogger(w io.Writer, service, level, format string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("LOG_LEVEL: %q is none of debug, info, warn, error", level)
	}
	opts := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, opts)).With("service", service), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)).With("service", service), nil
	}
	return nil, fmt.Errorf("LOG_FORMAT: %q is neither text nor json", format)
}

// NewMetrics returns a registry with the metrics of the Go runtime and the process.
func NewMetrics() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// method is the request's method or, for one that HTTP does not know, "other":
// clients must not be able to make new series.
func method(c *gin.Context) string {
	switch m := c.Request.Method; m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return m
	}
	return "other"
}

// observe counts, times and logs every request. Probes and documentation are
// logged at debug level only.
func (a *API) observe() gin.HandlerFunc {
	duration := promauto.With(a.opts.Metrics).NewHistogramVec(prometheus.HistogramOpts{
		Name:    "http_request_duration_seconds",
		Help:    "Time to answer a request, by method, route and status.",
		Buckets: prometheus.DefBuckets,
	}, []string{"method", "route", "status"})
	return func(c *gin.Context) {
		start := time.Now()
		c.Next()
		elapsed, status := time.Since(start), c.Writer.Status()
		duration.WithLabelValues(method(c), route(c), strconv.Itoa(status)).Observe(elapsed.Seconds())

		level := slog.LevelInfo
		switch route(c) {
		case "/healthz", "/readyz", "/metrics", "/version", "/docs", "/openapi.json":
			level = slog.LevelDebug
		}
		if strings.HasPrefix(c.Request.URL.Path, "/dapr/") { // a sidecar asks for what is declared elsewhere
			level = slog.LevelDebug
		}
		if status >= 500 {
			level = slog.LevelWarn
		}
		a.opts.Logger.Log(c.Request.Context(), level, "request",
			"method", c.Request.Method, "path", c.Request.URL.EscapedPath(), "status", status, "duration_ms", float64(elapsed.Microseconds())/1000)
	}
}
