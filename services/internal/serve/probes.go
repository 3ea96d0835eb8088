package serve

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
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

// Works reports whether the service can do its work, and wants requests.
func (r Readiness) Works() bool { return r.Status == "ready" || r.Status == "degraded" }

// Probes asks the dependencies of a service whether they work.
type Probes struct {
	checks   []Check
	logger   *slog.Logger
	stopping atomic.Bool

	mu   sync.Mutex
	last string // status
}

// NewProbes returns the probes of a service with these dependencies. Changes of
// its readiness are logged.
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
