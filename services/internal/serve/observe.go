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

// NewLogger returns a logger that writes in the level and format of cfg and names
// the service in every line.
func NewLogger(w io.Writer, service string, cfg Config) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.LogLevel)); err != nil {
		return nil, fmt.Errorf("LOG_LEVEL: %q is none of debug, info, warn, error", cfg.LogLevel)
	}
	opts := &slog.HandlerOptions{Level: level}
	switch cfg.LogFormat {
	case "text":
		return slog.New(slog.NewTextHandler(w, opts)).With("service", service), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)).With("service", service), nil
	}
	return nil, fmt.Errorf("LOG_FORMAT: %q is neither text nor json", cfg.LogFormat)
}

// NewMetrics returns a registry with the metrics of the Go runtime and the process.
func NewMetrics() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Quiet is the key under which a handler sets true in the context of Gin if its
// requests come in such numbers that only failures are worth a line in the log.
const Quiet = "quiet"

// Observe counts, times and logs every request. Probes, documentation and Quiet
// requests are logged at debug level only.
func Observe(logger *slog.Logger, metrics prometheus.Registerer) gin.HandlerFunc {
	duration := promauto.With(metrics).NewHistogramVec(prometheus.HistogramOpts{
		Name:    "http_request_duration_seconds",
		Help:    "Time to answer a request, by method, route and status.",
		Buckets: prometheus.DefBuckets,
	}, []string{"method", "route", "status"})
	return func(c *gin.Context) {
		start := time.Now()
		c.Next()
		elapsed := time.Since(start)
		status := c.Writer.Status()
		duration.WithLabelValues(method(c), route(c), strconv.Itoa(status)).Observe(elapsed.Seconds())
		logger.Log(c.Request.Context(), requestLevel(c, status), "request",
			"method", c.Request.Method, "path", c.Request.URL.EscapedPath(), "status", status,
			"duration_ms", float64(elapsed.Microseconds())/1000)
	}
}

func requestLevel(c *gin.Context, status int) slog.Level {
	if status >= 500 {
		return slog.LevelWarn
	}
	if c.GetBool(Quiet) {
		return slog.LevelDebug
	}
	switch route(c) {
	case "/healthz", "/readyz", "/metrics", "/version", "/docs", "/openapi.json":
		return slog.LevelDebug
	}
	if strings.HasPrefix(c.Request.URL.Path, "/dapr/") { // a sidecar asks for subscriptions, which are declared elsewhere
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// route is the pattern of the route. A path would make new lines and series for
// every user.
func route(c *gin.Context) string {
	if pattern := c.FullPath(); pattern != "" {
		return strings.TrimSuffix(pattern, "/*asset")
	}
	return "unmatched"
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
