package serve

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// checkTimeout limits /readyz. It is below the usual timeout of those who probe.
const checkTimeout = 900 * time.Millisecond

// Check finds out whether one dependency works.
type Check struct {
	Name string
	// Optional marks a dependency without which the service answers requests all
	// the same. /readyz names its failure, and the service stays ready.
	Optional bool
	// Probe returns an error if the dependency does not work. It returns soon
	// after its context ends.
	Probe func(context.Context) error
}

// Readiness is the body of /readyz:
//
//	{"status": "degraded", "checks": {"sidecar": "ok", "model": "model timeout: no answer in time"}}
type Readiness struct {
	Status string            `json:"status" enum:"ready,degraded,unavailable,stopping" doc:"ready and degraded come with 200, the others with 503."`
	Checks map[string]string `json:"checks" doc:"Each dependency: ok, or why it fails."`
}

// Works reports whether the service should get requests.
func (r Readiness) Works() bool { return r.Status == "ready" || r.Status == "degraded" }

// Probes knows how ready a service is.
type Probes struct {
	checks   []Check
	logger   *slog.Logger
	stopping atomic.Bool

	mu   sync.Mutex
	last string // status
}

// NewProbes returns the probes of a service that depends on the checks. They log
// each change of the readiness.
func NewProbes(logger *slog.Logger, checks []Check) *Probes {
	return &Probes{checks: checks, logger: logger}
}

// Stop makes the status "stopping" from now on.
func (p *Probes) Stop() { p.stopping.Store(true) }

// Readiness runs all checks at once and sums them up.
func (p *Probes) Readiness(ctx context.Context) Readiness {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	errs := make([]error, len(p.checks))
	var wg sync.WaitGroup
	for i, check := range p.checks {
		wg.Go(func() { errs[i] = check.Probe(ctx) })
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

// logChange logs the readiness if its status changed.
func (p *Probes) logChange(ctx context.Context, r Readiness) {
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

// Outcome remembers how the last call of a dependency ended, for dependencies that
// are too expensive to probe. The zero value reports success.
type Outcome struct {
	err atomic.Pointer[error]
}

// Set remembers the error of a call, or with nil its success.
func (o *Outcome) Set(err error) { o.err.Store(&err) }

// Probe is for a Check. It returns the error of the last call.
func (o *Outcome) Probe(context.Context) error {
	if err := o.err.Load(); err != nil {
		return *err
	}
	return nil
}
