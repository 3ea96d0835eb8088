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

// errUnknownUser says that nothing is stored for a user, which is another
// answer than a store that does not answer.
var errUnknownUser = errors.New("unknown user")

// store keeps values under keys, see sidecar.
type store interface {
	Get(ctx context.Context, key string) (value []byte, etag string, err error)
	Put(ctx context.Context, key string, value []byte, etag string) error
}

type counterConfig struct {
	Window time.Duration // how long event ids are remembered
	Cap    int           // how many of them, for one user
	Budget time.Duration // how long a commit may be tried
}

// counter keeps one document per user in the store. All replicas of the
// service may write the same document: every write is a compare-and-swap.
// Within one process the writes of a user are serialised, and operations that
// wait for their turn are committed together.
type counter struct {
	store  store
	cfg    counterConfig
	logger *slog.Logger

	calls     *prometheus.CounterVec
	conflicts prometheus.Counter
	verdicts  *prometheus.CounterVec
	evictions prometheus.Counter

	mu    sync.Mutex
	users map[contract.UserID]*queue
}

// queue holds the operations of one user that wait for a commit.
type queue struct {
	turn    chan struct{} // holds one token: whoever takes it commits
	users   int           // callers that refer to the queue
	pending []*waiting
}

type waiting struct {
	op      operation
	done    bool
	verdict verdict
	count   int64
	err     error
}

func newCounter(s store, cfg counterConfig, logger *slog.Logger, metrics prometheus.Registerer) *counter {
	m := promauto.With(metrics)
	return &counter{
		store: s, cfg: cfg, logger: logger, users: map[contract.UserID]*queue{},
		calls:     m.NewCounterVec(prometheus.CounterOpts{Name: "daca_state_calls_total", Help: "Calls of the state store for counting, failed ones included: get or put."}, []string{"call"}),
		conflicts: m.NewCounter(prometheus.CounterOpts{Name: "daca_commit_retries_total", Help: "Commits tried again, after a conflict with another replica or an error of the store."}),
		verdicts:  m.NewCounterVec(prometheus.CounterOpts{Name: "daca_operations_total", Help: "Operations by what became of them: accepted, duplicate, too_old or failed."}, []string{"verdict"}),
		evictions: m.NewCounter(prometheus.CounterOpts{Name: "daca_dedup_evictions_total", Help: "Event ids forgotten before the end of the window because a user has more than DEDUP_CAP."}),
	}
}

// Count returns the user's count. It fails with errUnknownUser if there is
// none, and with another error if that cannot be told.
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

// Apply changes the user's document by op, once, and returns the count after
// it. After an error op may have been applied or not; applying it again, here
// or in another replica, is safe.
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
	if !w.done { // else a commit before ours took our operation with it
		c.commit(ctx, user, c.take(q))
	}
	if !w.done { // a commit that took it ended in a panic
		return 0, 0, fmt.Errorf("counting for user %q: the commit was not made", user)
	}
	return w.verdict, w.count, w.err
}

func (c *counter) join(user contract.UserID, w *waiting) *queue {
	c.mu.Lock()
	defer c.mu.Unlock()
	q, ok := c.users[user]
	if !ok {
		q = &queue{turn: make(chan struct{}, 1)}
		q.turn <- struct{}{}
		c.users[user] = q
	}
	q.users++
	q.pending = append(q.pending, w)
	return q
}

func (c *counter) take(q *queue) []*waiting {
	c.mu.Lock()
	defer c.mu.Unlock()
	batch := q.pending
	q.pending = nil
	return batch
}

// leave forgets w if nobody took it, and the queue if nobody needs it.
func (c *counter) leave(user contract.UserID, q *queue, w *waiting) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, other := range q.pending {
		if other == w {
			q.pending = append(q.pending[:i:i], q.pending[i+1:]...)
			break
		}
	}
	if q.users--; q.users == 0 {
		delete(c.users, user)
	}
}

// commit applies the batch to the user's document and settles every operation
// in it. It outlives the caller's context, whose end must not fail the others.
func (c *counter) commit(ctx context.Context, user contract.UserID, batch []*waiting) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.cfg.Budget)
	defer cancel()
	retry := backoff.NewExponentialBackOff()
	retry.InitialInterval, retry.MaxInterval, retry.RandomizationFactor = 5*time.Millisecond, 500*time.Millisecond, 0.5
	tries := 0
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		if tries++; tries > 1 {
			c.conflicts.Inc()
		}
		return struct{}{}, c.tryCommit(ctx, user, batch)
	}, backoff.WithBackOff(retry), backoff.WithMaxElapsedTime(c.cfg.Budget))
	if err != nil {
		err = fmt.Errorf("committing %d operations for user %q, tried %d times: %w", len(batch), user, tries, err)
		c.logger.ErrorContext(ctx, "counting failed", "error", err, "dependency", contract.StateStore)
	}
	for _, w := range batch {
		w.done, w.err = true, err
		c.verdicts.WithLabelValues(w.outcome()).Inc()
	}
}

// tryCommit reads the document, applies the batch and writes it if it changed.
// Any error may be a write that was made after all: the next try reads the
// document again and finds the operations in it.
func (c *counter) tryCommit(ctx context.Context, user contract.UserID, batch []*waiting) error {
	c.calls.WithLabelValues("get").Inc()
	d, etag, err := c.read(ctx, user)
	if errors.Is(err, errCorrupt) {
		return backoff.Permanent(err)
	}
	if err != nil {
		return err
	}
	now, changed := time.Now(), false
	for _, w := range batch {
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
		c.logger.WarnContext(ctx, "event ids forgotten early: a copy of such an event that is delivered later goes to the dead letters",
			"user_id", user, "forgotten", evicted, "age", age.Round(time.Second), "window", c.cfg.Window, "cap", c.cfg.Cap)
	}
	return nil
}

// read returns the user's document and its ETag; without one, both are empty.
func (c *counter) read(ctx context.Context, user contract.UserID) (document, string, error) {
	key := user.Key()
	value, etag, err := c.store.Get(ctx, key)
	if err != nil || len(value) == 0 {
		return document{}, "", err
	}
	d, err := decodeDocument(key, value)
	return d, etag, err
}

// Ping reports why the store does not answer. It reads a key that does not exist.
func (c *counter) Ping(ctx context.Context) error {
	_, _, err := c.store.Get(ctx, contract.PingKey)
	return err
}

func (w *waiting) outcome() string {
	switch {
	case w.err != nil:
		return "failed"
	case w.verdict == duplicate:
		return "duplicate"
	case w.verdict == tooOld:
		return "too_old"
	}
	return "accepted"
}
