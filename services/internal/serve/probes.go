package serve

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	checkTimeout = 900 * time.Millisecond // of a probe; below the usual timeout of those who ask /readyz
	freshFor     = time.Second            // how long the result of a probe is the answer to everybody
)

// Check finds out whether one dependency works.
type Check struct {
	Name string
	// Optional marks a dependency without which the service answers requests all
	// the same. /readyz names its failure, and the service stays ready.
	Optional bool
	// Probe returns an error if the dependency does not work. It returns soon
	// after its context ends. It is called once a second at most, by one request at
	// a time. /readyz shows of the error only a Reason.
	Probe func(context.Context) error
	// Known marks a Probe that asks nobody, such as Outcome.Probe: it is called for
	// every request.
	Known bool
}

// Reason is an error that strangers may read in /readyz: it names no host and no user.
// Any error with a method Reason has one too.
type Reason string

// Error returns the text.
func (r Reason) Error() string { return string(r) }

// Reason returns the text.
func (r Reason) Reason() string { return string(r) }

// Cause returns what strangers may know about the error of a check: its Reason, if it has one.
func Cause(err error) string {
	var known interface{ Reason() string }
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &known):
		return known.Reason()
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	}
	return "fails, the log says why"
}

// Readiness is the body of /readyz:
//
//	{"status": "degraded", "checks": {"sidecar": "ok", "model": "model timeout"}}
type Readiness struct {
	Status string            `json:"status" enum:"ready,degraded,unavailable,stopping" doc:"ready and degraded come with 200, the others with 503."`
	Checks map[string]string `json:"checks" doc:"Each dependency: ok, or why it fails."`
}

// Works reports whether the service should get requests.
func (r Readiness) Works() bool { return r.Status == "ready" || r.Status == "degraded" }

// Probes knows how ready a service is.
type Probes struct {
	checks   []*remembered
	logger   *slog.Logger
	stopping atomic.Bool

	mu   sync.Mutex
	last Readiness
}

// NewProbes returns the probes of a service that depends on the checks. They log
// each change of the readiness, with the errors.
func NewProbes(logger *slog.Logger, checks []Check) *Probes {
	p := &Probes{logger: logger}
	for _, check := range checks {
		r := &remembered{Check: check, turn: make(chan struct{}, 1)}
		r.turn <- struct{}{}
		p.checks = append(p.checks, r)
	}
	return p
}

// Stop makes the status "stopping" from now on.
func (p *Probes) Stop() { p.stopping.Store(true) }

// Readiness runs all checks at once and sums them up.
func (p *Probes) Readiness(ctx context.Context) Readiness {
	errs := make([]error, len(p.checks))
	var wg sync.WaitGroup
	for i, check := range p.checks {
		wg.Go(func() { errs[i] = check.ask(ctx) })
	}
	wg.Wait()

	r := Readiness{Status: "ready", Checks: map[string]string{}}
	failures := map[string]error{}
	for i, check := range p.checks {
		r.Checks[check.Name] = Cause(errs[i])
		if errs[i] == nil {
			continue
		}
		failures[check.Name] = errs[i]
		switch {
		case !check.Optional:
			r.Status = "unavailable"
		case r.Status == "ready":
			r.Status = "degraded"
		}
	}
	if p.stopping.Load() {
		r.Status = "stopping"
	}
	p.logChange(ctx, r, failures)
	return r
}

// remembered is a check with the result of its last probe.
type remembered struct {
	Check

	turn chan struct{} // holds one element, for who probes; others wait for the result
	at   time.Time
	err  error
}

// ask returns the result of a probe that is at most freshFor old. The probe does not
// end with the request: others wait for it too.
func (r *remembered) ask(ctx context.Context) error {
	if r.Known {
		return r.Probe(ctx)
	}
	select {
	case <-r.turn:
		defer func() { r.turn <- struct{}{} }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if time.Since(r.at) < freshFor {
		return r.err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	r.err = r.Probe(ctx)
	r.at = time.Now()
	return r.err
}

// logChange logs the readiness if it changed.
func (p *Probes) logChange(ctx context.Context, r Readiness, failures map[string]error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Status == p.last.Status && maps.Equal(r.Checks, p.last.Checks) {
		return
	}
	p.last = r
	level := slog.LevelInfo
	if r.Status != "ready" {
		level = slog.LevelWarn
	}
	args := []any{"status", r.Status}
	for _, name := range slices.Sorted(maps.Keys(failures)) {
		args = append(args, name, failures[name].Error())
	}
	p.logger.Log(ctx, level, "readiness changed", args...)
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
