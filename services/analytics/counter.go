package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"daca/services/internal/contract"
)

// errUnknownUser says that nothing is stored for a user. A store that does not
// answer is another error.
var errUnknownUser = errors.New("unknown user")

type counterConfig struct {
	Window time.Duration // how long event ids are remembered
	Cap    int           // how many of them, for one user
	Budget time.Duration // how long a commit may be tried
}

// counter keeps one document per user in the store. All replicas of the service
// may write the same document: every write is a compare-and-swap. Within one
// process the commits of a user run one after the other, and all operations that
// wait are committed together.
type counter struct {
	store  store
	cfg    counterConfig
	logger *slog.Logger

	calls     *prometheus.CounterVec
	conflicts prometheus.Counter
	verdicts  *prometheus.CounterVec
	evictions prometheus.Counter

	mu     sync.Mutex
	queues map[contract.UserID]*queue
}

func newCounter(s store, cfg counterConfig, logger *slog.Logger, metrics prometheus.Registerer) *counter {
	m := promauto.With(metrics)
	return &counter{
		store:  s,
		cfg:    cfg,
		logger: logger,
		calls: m.NewCounterVec(prometheus.CounterOpts{
			Name: "daca_state_calls_total",
			Help: "Calls of the state store for counting, failed ones included: get or put.",
		}, []string{"call"}),
		conflicts: m.NewCounter(prometheus.CounterOpts{
			Name: "daca_commit_retries_total",
			Help: "Commits tried again, after a conflict with another replica or an error of the store.",
		}),
		verdicts: m.NewCounterVec(prometheus.CounterOpts{
			Name: "daca_operations_total",
			Help: "Operations by what became of them: accepted, duplicate, too_old or failed.",
		}, []string{"verdict"}),
		evictions: m.NewCounter(prometheus.CounterOpts{
			Name: "daca_dedup_evictions_total",
			Help: "Event ids forgotten before the end of the window because a user has more than DEDUP_CAP.",
		}),
		queues: map[contract.UserID]*queue{},
	}
}

// Count returns the user's count. It fails with errUnknownUser if there is none,
// and with another error if the store does not answer.
func (c *counter) Count(ctx context.Context, user contract.UserID) (int64, error) {
	d, _, err := c.read(ctx, user)
	if err != nil {
		return 0, err
	}
	if !d.known {
		return 0, errUnknownUser
	}
	return d.MessageCount, nil
}

// Apply changes the user's document by op, once, and returns the count after it.
// After an error op may have been applied or not; applying it again, here or in
// another replica, is safe.
//
// How it works:
//  1. op joins the queue of the user, and its caller waits for the turn.
//  2. The caller that gets the turn commits all operations in the queue at once.
//  3. It passes the turn on. A caller whose operation was in that commit finds
//     the result, and passes the turn on without a commit.
//  4. A caller that gives up before its turn takes its operation back.
func (c *counter) Apply(ctx context.Context, user contract.UserID, op operation) (verdict, int64, error) {
	w := &waiting{op: op}
	q := c.join(user, w)
	defer c.leave(user, q, w)

	select {
	case <-q.turn:
	case <-ctx.Done():
		return 0, 0, fmt.Errorf("waiting to count for user %q: %w", user, context.Cause(ctx))
	}
	defer func() { q.turn <- struct{}{} }()
	if !w.done {
		c.commit(ctx, user, c.take(q))
	}
	if !w.done { // another caller took it, and panicked during the commit
		return 0, 0, fmt.Errorf("counting for user %q: the commit was not made", user)
	}
	return w.verdict, w.count, w.err
}

// commit applies the operations to the user's document and records the result in
// each of them. It goes on after the end of the caller's context, because other
// callers wait for it too.
func (c *counter) commit(ctx context.Context, user contract.UserID, ops []*waiting) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.cfg.Budget)
	defer cancel()
	retry := backoff.NewExponentialBackOff()
	retry.InitialInterval = 5 * time.Millisecond
	retry.MaxInterval = 500 * time.Millisecond
	retry.RandomizationFactor = 0.5
	tries := 0
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		if tries++; tries > 1 {
			c.conflicts.Inc()
		}
		return struct{}{}, c.tryCommit(ctx, user, ops)
	}, backoff.WithBackOff(retry), backoff.WithMaxElapsedTime(c.cfg.Budget))
	if err != nil {
		err = fmt.Errorf("committing %d operations for user %q, tried %d times: %w", len(ops), user, tries, err)
		c.logger.ErrorContext(ctx, "counting failed", "error", err, "dependency", contract.StateStore)
	}
	for _, w := range ops {
		w.done = true
		w.err = err
		c.verdicts.WithLabelValues(w.outcome()).Inc()
	}
}

// tryCommit reads the document, applies the operations and writes it if it
// changed. A write that returned an error may have been made all the same: the
// next try reads the document again and finds the operations in it.
func (c *counter) tryCommit(ctx context.Context, user contract.UserID, ops []*waiting) error {
	c.calls.WithLabelValues("get").Inc()
	d, etag, err := c.read(ctx, user)
	if errors.Is(err, errCorrupt) {
		return backoff.Permanent(err)
	}
	if err != nil {
		return err
	}
	now := time.Now()
	changed := false
	for _, w := range ops {
		w.verdict = d.apply(w.op, now)
		w.count = d.MessageCount
		changed = changed || w.verdict == accepted
	}
	if !changed {
		return nil
	}
	evicted, age := d.forget(now, c.cfg.Window, c.cfg.Cap)
	value, err := d.encode()
	if err != nil {
		return backoff.Permanent(err)
	}
	c.calls.WithLabelValues("put").Inc()
	if err := c.store.Put(ctx, user.Key(), value, etag); err != nil {
		return err
	}
	if evicted > 0 {
		c.evictions.Add(float64(evicted))
		c.logger.WarnContext(ctx, "event ids forgotten early: "+
			"a copy of such an event that is delivered later goes to the dead letters",
			"user_id", user, "forgotten", evicted, "age", age.Round(time.Second),
			"window", c.cfg.Window, "cap", c.cfg.Cap)
	}
	return nil
}

// read returns the user's document and its ETag; without a document, both are empty.
func (c *counter) read(ctx context.Context, user contract.UserID) (document, string, error) {
	key := user.Key()
	value, etag, err := c.store.Get(ctx, key)
	if err != nil || len(value) == 0 {
		return document{}, "", err
	}
	d, err := decodeDocument(key, value)
	return d, etag, err
}

// Ping returns an error if the store does not answer. It reads a key that does not
// exist.
func (c *counter) Ping(ctx context.Context) error {
	_, _, err := c.store.Get(ctx, contract.PingKey)
	return err
}
