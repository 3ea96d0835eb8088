package runs

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"daca/services/internal/contract"
)

const (
	writeInterval = 80 * time.Millisecond  // between two writes of a log that grows, see paced
	lookInterval  = 500 * time.Millisecond // between two looks whether somebody wants it stopped
	endBudget     = 2 * time.Second        // for storing how a run ends, before its followers learn it
	endFailing    = 300 * time.Millisecond // the same while the store fails
	minRetry      = 50 * time.Millisecond  // between two tries of a call that failed
	maxRetry      = time.Second            // the same in the end
	maxLateRetry  = 15 * time.Second       // the same after the run has ended
)

// owned is a run that this process may write.
type owned struct {
	m       *Manager
	job     Job
	log     *log
	attempt int
	begins  int
	started time.Time
	//nolint:containedctx // it is the context of the producer, which is no caller of this
	ctx    context.Context
	cancel context.CancelCauseFunc
	drop   chan struct{} // closed to give up storing how it ended

	mu      sync.Mutex
	state   State
	outcome *Outcome
	ended   time.Time
	died    bool

	// Only one goroutine uses these.
	stored stored // what the store has, as far as is known
	sealed []int
	stop   bool // somebody wants it stopped
	retry  time.Time
	fails  int
}

// stored is what is known of the stored document.
type stored struct {
	known   bool   // whether etag is that of the document, or a guess
	guessed bool   // whether it is a guess
	etag    string // empty if there is no document
	value   []byte
	version uint64 // of the log
	at      time.Time
}

func newOwned(ctx context.Context, m *Manager, job Job) *owned {
	r := &owned{
		m: m, job: job, log: newLog(), attempt: 1, started: time.Now().UTC().Truncate(time.Millisecond),
		drop: make(chan struct{}), state: Running,
	}
	r.stored.known = true // there is none
	running, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	release := context.AfterFunc(m.ctx, func() { cancel(context.Cause(m.ctx)) })
	r.ctx = running
	r.cancel = func(cause error) { release(); cancel(cause) }
	return r
}

// info returns what is known of the run.
func (r *owned) info() Info {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := Info{
		ID: r.job.ID, UserID: r.job.UserID, SessionID: r.job.SessionID, State: r.state,
		Started: r.started, Ended: r.ended, Died: r.died,
	}
	if r.state.Final() {
		last := r.outcome.Last
		i.Last = &last
	}
	return i
}

// set changes the state. The outcome is that of all states but Running.
func (r *owned) set(state State, outcome Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = state
	if state.Final() {
		outcome.Effects = nil
		r.ended = time.Now().UTC().Truncate(time.Millisecond)
	}
	r.outcome = &outcome
}

// begin stores the run before it starts. It fails only if there is a run with the id.
func (r *owned) begin(ctx context.Context) error {
	budget := startBudget
	if r.m.storeFails() {
		budget = startFailing
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), budget)
	defer cancel()
	err := r.save(ctx)
	if errors.Is(err, ErrLost) {
		return ErrExists
	}
	if err != nil {
		r.m.cfg.Logger.WarnContext(ctx, "a run starts that only this replica knows",
			"dependency", contract.StateStore, "run_id", r.job.ID, "error", err)
		r.postpone(err)
	}
	return nil
}

// run produces the answer, and stores the log while it grows.
func (r *owned) run(ctx context.Context) {
	made := make(chan Outcome, 1)
	var producer sync.WaitGroup
	producer.Go(func() { made <- r.produce() })
	defer producer.Wait()
	tick := time.NewTicker(writeInterval)
	defer tick.Stop()
	for {
		select {
		case outcome := <-made:
			r.cancel(nil)
			r.finish(ctx, outcome)
			return
		case <-tick.C:
			if errors.Is(r.tend(ctx), ErrLost) {
				<-made
				r.lose()
				return
			}
		}
	}
}

// produce calls the producer. If that panics, the run fails.
func (r *owned) produce() (outcome Outcome) {
	defer func() {
		if p := recover(); p != nil {
			r.m.cfg.Logger.ErrorContext(r.ctx, "a run panicked",
				"run_id", r.job.ID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			outcome = Fail(500, "Internal Server Error")
		}
	}()
	return r.job.Produce(r.ctx, r.log.append)
}

// tend stores what is new. If nothing is, it looks from time to time whether somebody
// wants the run stopped, or has ended it.
func (r *owned) tend(ctx context.Context) error {
	now := time.Now()
	var err error
	switch {
	case now.Before(r.retry):
		return nil
	case r.stored.value == nil, r.grown() && now.Sub(r.stored.at) >= r.m.paceOfRuns():
		err = r.save(ctx)
	case now.Sub(r.stored.at) >= lookInterval:
		err = r.look(ctx)
	}
	r.postpone(err)
	return err
}

// grown reports whether the log has more than the store.
func (r *owned) grown() bool { return r.log.currentVersion() != r.stored.version }

// postpone sets when the store is called again after an error.
func (r *owned) postpone(err error) {
	if err == nil {
		r.fails = 0
		return
	}
	if r.fails == 0 && !errors.Is(err, ErrLost) {
		r.m.cfg.Logger.WarnContext(r.ctx, "a run cannot be stored: it goes on, and cannot be followed elsewhere",
			"dependency", contract.StateStore, "run_id", r.job.ID, "error", err)
	}
	r.retry = time.Now().Add(min(minRetry<<min(r.fails, 10), maxRetry))
	r.fails++
}

// finish ends a run whose producer has ended. What the outcome leads to happens after it
// is stored, so that a replica that takes over knows it, and one that has lost the run
// does nothing.
func (r *owned) finish(ctx context.Context, outcome Outcome) {
	if outcome.Effects != nil {
		r.set(Publishing, outcome)
		if errors.Is(r.persist(ctx), ErrLost) {
			r.lose()
			return
		}
		settle := r.job.Settle
		if settle == nil {
			settle = r.m.cfg.Settle
		}
		outcome = settle(ctx, r.info(), outcome)
	}
	r.set(outcome.State, outcome)
	err := r.persist(ctx)
	if errors.Is(err, ErrLost) {
		r.lose()
		return
	}
	r.log.end(outcome.Last)
	r.m.ended(string(outcome.State))
	if err != nil {
		r.persistLater(ctx)
	}
	r.m.forget(r)
}

// persist stores the run within a budget.
func (r *owned) persist(ctx context.Context) error {
	budget := endBudget
	if r.fails > 0 {
		budget = endFailing
	}
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	for wait := minRetry; ; wait = min(2*wait, maxRetry) {
		err := r.save(ctx)
		if err == nil || errors.Is(err, ErrLost) || !pause(ctx, wait) {
			r.postpone(err)
			return err
		}
	}
}

// persistLater stores how the run has ended when the store is back. Until then this
// process alone knows it.
func (r *owned) persistLater(ctx context.Context) {
	r.m.keep(r)
	over := time.NewTimer(keepFor)
	defer over.Stop()
	for wait := maxRetry; ; wait = min(2*wait, maxLateRetry) {
		timer := time.NewTimer(wait)
		closing := false
		select {
		case <-timer.C:
		case <-r.m.closing:
			closing = true
		case <-r.drop:
			timer.Stop()
			return
		case <-over.C:
			timer.Stop()
			return
		}
		timer.Stop()
		if err := r.save(ctx); err == nil || errors.Is(err, ErrLost) || closing {
			return
		}
	}
}

// lose leaves the run to the replica that has taken it over. Followers here learn from
// the store how it ends.
func (r *owned) lose() {
	r.m.cfg.Logger.WarnContext(r.ctx, "a run was ended by another replica", "run_id", r.job.ID)
	r.m.ended("lost")
	r.m.forget(r)
	r.m.feed(r.job.ID, r.log).run(r.m.ctx)
}

// pause waits, and reports whether ctx has not ended.
func pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
