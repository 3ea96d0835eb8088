package serve

import (
	"context"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// checkTimeout bounds /readyz, below the usual timeout of a probe's caller.
const checkTimeout = 900 * time.Millisecond

// Check asks one dependency whether it works.
type Check struct {
	Name string
	// Optional: a failure is named by /readyz, but the service goes on
	// receiving requests, because it answers them without the dependency.
	Optional bool
	// Ask returns why the dependency does not work, or nil. It returns soon
	// after its context ends.
	Ask func(context.Context) error
}

// Readiness is the body of /readyz.
type Readiness struct {
	Status string            `json:"status" enum:"ready,degraded,unavailable,stopping" doc:"ready and degraded come with 200, the others with 503."`
	Checks map[string]string `json:"checks" doc:"Each dependency: ok, or why it fails."`
}

type probes struct {
	checks   []Check
	logger   *slog.Logger
	stopping atomic.Bool

	mu   sync.Mutex
	last string
}

// readiness runs all checks at once and sums them up.
func (p *probes) readiness(ctx context.Context) Readiness {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	errs := make([]error, len(p.checks))
	var wg sync.WaitGroup
	for i, check := range p.checks {
		wg.Go(func() { errs[i] = check.Ask(ctx) })
	}
	wg.Wait()

	r := Readiness{Status: "ready", Checks: map[string]string{}}
	for i, check := range p.checks {
		switch {
		case errs[i] == nil:
			r.Checks[check.Name] = "ok"
			continue
		case !check.Optional:
			r.Status = "unavailable"
		case r.Status == "ready":
			r.Status = "degraded"
		}
		r.Checks[check.Name] = errs[i].Error()
	}
	if p.stopping.Load() {
		r.Status = "stopping"
	}
	p.logChange(ctx, r)
	return r
}

// logChange logs the readiness when it differs from what was found before.
func (p *probes) logChange(ctx context.Context, r Readiness) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Status == p.last {
		return
	}
	p.last = r.Status
	level := slog.LevelInfo
	if r.Status != "ready" {
		level = slog.LevelWarn
	}
	p.logger.Log(ctx, level, "readiness changed", "status", r.Status, "checks", r.Checks)
}

type versionBody struct {
	Service string `json:"service"`
	Version string `json:"version"`
	Go      string `json:"go"`
}

func (a *API) registerProbes() {
	tags := []string{"operations"}
	Register(a, huma.Operation{
		OperationID: "healthz", Method: http.MethodGet, Path: "/healthz", Tags: tags,
		Summary:     "Is the process alive?",
		Description: "Asks no dependency: a failing dependency is no reason to restart the service.",
	}, func(context.Context, *struct{}) (*struct {
		Body struct {
			Status string `json:"status" example:"ok"`
		}
	}, error) {
		out := &struct {
			Body struct {
				Status string `json:"status" example:"ok"`
			}
		}{}
		out.Body.Status = "ok"
		return out, nil
	})
	Register(a, huma.Operation{
		OperationID: "readyz", Method: http.MethodGet, Path: "/readyz", Tags: tags,
		Summary:     "Can the service do its work?",
		Description: "Names each dependency and, where it fails, why.",
		Responses: map[string]*huma.Response{"503": {
			Description: "A dependency without which the service cannot work fails.",
			Content: map[string]*huma.MediaType{"application/json": {
				Schema: a.OpenAPI().Components.Schemas.Schema(typeOf[Readiness](), true, ""),
			}},
		}},
	}, func(ctx context.Context, _ *struct{}) (*struct {
		Status int
		Body   Readiness
	}, error) {
		r := a.probes.readiness(ctx)
		status := http.StatusOK
		if r.Status != "ready" && r.Status != "degraded" {
			status = http.StatusServiceUnavailable
		}
		return &struct {
			Status int
			Body   Readiness
		}{status, r}, nil
	})
	Register(a, huma.Operation{
		OperationID: "version", Method: http.MethodGet, Path: "/version", Tags: tags,
		Summary: "Which build is this?",
	}, func(context.Context, *struct{}) (*struct{ Body versionBody }, error) {
		return &struct{ Body versionBody }{versionBody{a.opts.Name, Version(), runtime.Version()}}, nil
	})
	a.Engine.GET("/metrics", gin.WrapH(promhttp.HandlerFor(a.opts.Metrics, promhttp.HandlerOpts{Registry: a.opts.Metrics})))
}

// Outcome remembers how the last call of a dependency ended, for dependencies
// that are too dear to be asked by a probe. The zero value knows of no failure.
type Outcome struct {
	err atomic.Pointer[error]
}

// Record remembers err, or with nil that the call succeeded, and returns err.
func (o *Outcome) Record(err error) error {
	o.err.Store(&err)
	return err
}

// Ask is the Ask of a Check: the error of the last call.
func (o *Outcome) Ask(context.Context) error {
	if err := o.err.Load(); err != nil {
		return *err
	}
	return nil
}
