package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"daca/services/internal/contract"
	"daca/services/internal/state"
)

// errUnknownUser says that nothing is stored for a user. A store that does not
// answer is another error.
var errUnknownUser = errors.New("unknown user")

type counterConfig struct {
	Window time.Duration // how long event ids are remembered
	Budget time.Duration // how long a change may be tried
}

// counter keeps one document per user in the store. All replicas of the service
// may write the same document: every write is a compare-and-swap. Within one
// process one commit is made at a time, of all changes that wait for one, whoever
// asked for them and whichever users they are of.
type counter struct {
	store   state.Store
	cfg     counterConfig
	logger  *slog.Logger
	metrics counterMetrics

	// mergeAt is how many segments this process merges. It differs among replicas, so
	// that one of them is first and the others find the work done.
	mergeAt int

	turn  chan struct{} // holds one token: the caller that takes it commits
	cache cache         // belongs to the one with the token

	mu      sync.Mutex
	waiting []*change
}

type counterMetrics struct {
	calls     *prometheus.CounterVec
	conflicts prometheus.Counter
	verdicts  *prometheus.CounterVec
	sealed    prometheus.Counter
}

func newCounter(s state.Store, cfg counterConfig, logger *slog.Logger, metrics prometheus.Registerer) *counter {
	m := promauto.With(metrics)
	c := &counter{
		store: s, cfg: cfg, logger: logger,
		metrics: counterMetrics{
			calls: m.NewCounterVec(prometheus.CounterOpts{
				Name: "daca_state_calls_total",
				Help: "Calls of the state store for counting, failed ones included: get or put. A call is about many documents.",
			}, []string{"call"}),
			conflicts: m.NewCounter(prometheus.CounterOpts{
				Name: "daca_commit_retries_total",
				Help: "Changes that were tried again, because another replica changed the document or the store failed.",
			}),
			verdicts: m.NewCounterVec(prometheus.CounterOpts{
				Name: "daca_operations_total",
				Help: "Operations by what became of them: accepted, duplicate, failed, or why they cannot be applied.",
			}, []string{"verdict"}),
			sealed: m.NewCounter(prometheus.CounterOpts{
				Name: "daca_segments_total",
				Help: "Segments of event ids that were written.",
			}),
		},
		mergeAt: mergeCount + rand.N(mergeCount), //nolint:gosec // see there
		turn:    make(chan struct{}, 1),
		cache:   newCache(),
	}
	c.turn <- struct{}{}
	return c
}

// change is an operation on one user's document and, after Apply, its result.
type change struct {
	user contract.UserID
	operation
	received time.Time // this and answered are only shown, see contract.Event
	answered time.Time

	verdict verdict
	count   int64 // of the user, after the operation
	err     error // why it is unknown whether the operation was applied; then the others mean nothing
	ack     *ack  // of the commit that made the change, or found it made; nil after an error

	of       *caller // whose change it is; nil when it has a result
	deadline time.Time
}

// ack says when the store answered a commit, and how long the commit had taken then.
type ack struct {
	at   time.Time
	took time.Duration
}

// caller is one call of Apply that waits for its changes.
type caller struct {
	taken bool          // whether a commit has taken the changes
	left  int           // changes without a result
	done  chan struct{} // closed when none is left
}

// Apply makes the changes and sets their results. After an error in the result of
// one, it may have been made or not: making it again, here or in another replica,
// is safe. Apply itself fails only if ctx ended before a commit took the changes.
// Then none of them is made.
//
// How it works:
//  1. The changes join those that wait, and the caller waits for the turn.
//  2. The caller that gets the turn commits all changes that wait, over and over,
//     until its own are settled. What is left of the others' waits again.
//  3. It passes the turn on. A caller whose changes were in those commits finds
//     their results.
func (c *counter) Apply(ctx context.Context, changes ...*change) error {
	if len(changes) == 0 {
		return nil
	}
	r := &caller{left: len(changes), done: make(chan struct{})}
	now := time.Now()
	for _, ch := range changes {
		ch.of = r
		ch.made = now
		ch.deadline = now.Add(c.cfg.Budget)
	}
	c.mu.Lock()
	c.waiting = append(c.waiting, changes...)
	c.mu.Unlock()
	given := ctx.Done()
	for {
		select {
		case <-r.done:
			return nil
		case <-c.turn:
			c.lead(context.WithoutCancel(ctx), r)
			return nil
		case <-given:
			if c.withdraw(r) {
				return fmt.Errorf("waiting to count: %w", context.Cause(ctx))
			}
			given = nil // a commit has them
		}
	}
}

// do makes one change and returns its result.
func (c *counter) do(ctx context.Context, user contract.UserID, op operation) (*change, error) {
	ch := &change{user: user, operation: op}
	if err := c.Apply(ctx, ch); err != nil {
		return nil, err
	}
	return ch, ch.err
}

// withdraw takes back the changes of a caller, unless a commit has taken them.
func (c *counter) withdraw(r *caller) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.taken {
		return false
	}
	c.waiting = slices.DeleteFunc(c.waiting, func(ch *change) bool { return ch.of == r })
	return true
}

// take returns the changes that wait.
func (c *counter) take() []*change {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.waiting
	c.waiting = nil
	for _, ch := range taken {
		ch.of.taken = true
	}
	return taken
}

// giveBack lets changes wait again.
func (c *counter) giveBack(left []*change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(left, c.waiting...)
}

// Count returns the user's count. It fails with errUnknownUser if nothing is stored
// for the user.
func (c *counter) Count(ctx context.Context, user contract.UserID) (int64, error) {
	key := user.Key()
	c.metrics.calls.WithLabelValues("get").Inc()
	found, err := c.store.Get(ctx, key)
	if err != nil {
		return 0, err
	}
	if len(found[0].Value) == 0 {
		return 0, errUnknownUser
	}
	d, err := decodeDocument(key, found[0].Value)
	if err != nil {
		return 0, err
	}
	return d.count, nil
}

// Ping returns an error if the store does not answer. It reads a key that does not
// exist.
func (c *counter) Ping(ctx context.Context) error {
	_, err := c.store.Get(ctx, contract.PingKey)
	return err
}
