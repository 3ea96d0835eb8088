// Package activity shows what became of the last events: what this replica has handled,
// and, merged through one small document of the state store, what the others have. The
// document is written only while somebody looks, and counting never waits for any of it.
package activity

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"daca/services/internal/contract"
	"daca/services/internal/state"
)

// How often the store is asked, at most.
const (
	askEvery   = 2 * time.Second        // whether somebody looks, while events are handled
	flushEvery = 500 * time.Millisecond // to write what is new, while somebody looks
	readEvery  = 200 * time.Millisecond // to answer those who look, however many they are
	budget     = time.Second            // for one of these
	keepFor    = time.Hour              // after the last write
)

// Activity remembers what one replica has handled, and shows what all have.
type Activity struct {
	store    state.Store
	name     string // of the replica, for people
	instance string // of the process: a replica that starts again counts from 0
	logger   *slog.Logger
	news     chan struct{} // holds a token if something was recorded

	mu   sync.Mutex
	ring ring

	turn chan struct{} // holds one token: whoever takes it has the following
	shared
}

// shared is what is known of the document.
type shared struct {
	document   document // as it was read or written last
	readAt     time.Time
	flushed    uint64 // records that are in the document, see ring
	flushedAt  time.Time
	extendedAt time.Time // when this replica said last that somebody looks
	watch      watch
	failing    bool // whether the store failed last, which the log says
}

// New returns an Activity of a replica with a name for people.
func New(s state.Store, name string, logger *slog.Logger, metrics prometheus.Registerer) *Activity {
	calls := promauto.With(metrics).NewCounterVec(prometheus.CounterOpts{
		Name: "daca_activity_calls_total",
		Help: "Calls of the state store to show the last events, failed ones included: get or put.",
	}, []string{"call"})
	a := &Activity{
		store:    calledStore{s, calls},
		name:     contract.Shorten(strings.ToValidUTF8(name, ""), maxID),
		instance: uuid.NewString()[:8],
		logger:   logger,
		news:     make(chan struct{}, 1),
		turn:     make(chan struct{}, 1),
	}
	a.turn <- struct{}{}
	return a
}

// calledStore counts the calls of a store.
type calledStore struct {
	state.Store
	calls *prometheus.CounterVec
}

func (s calledStore) Get(ctx context.Context, keys ...string) ([]state.Stored, error) {
	s.calls.WithLabelValues("get").Inc()
	return s.Store.Get(ctx, keys...)
}

func (s calledStore) Put(ctx context.Context, items ...state.Put) error {
	s.calls.WithLabelValues("put").Inc()
	return s.Store.Put(ctx, items...)
}

// Record remembers events, oldest first. It calls no store, and takes some nanoseconds
// for each; records must not block.
func (a *Activity) Record(records iter.Seq[Record]) {
	if a.add(records) {
		a.tell()
	}
}

// add reports whether there was a record.
func (a *Activity) add(records iter.Seq[Record]) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.ring.added
	for r := range records {
		a.ring.add(r)
	}
	return a.ring.added > before
}

func (a *Activity) tell() {
	select {
	case a.news <- struct{}{}:
	default: // it is known
	}
}

// own returns what this replica has seen.
func (a *Activity) own() own {
	a.mu.Lock()
	records := a.ring.appendTo(make([]Record, 0, maxEvents))
	o := own{
		minutes: replica{ID: a.instance, Last: a.ring.minutes.last, Counted: a.ring.minutes.list()},
		added:   a.ring.added,
	}
	a.mu.Unlock()
	o.events = make([]Event, len(records))
	for i, r := range records {
		o.events[i] = r.shown(a.name)
	}
	return o
}

// Run lets the other replicas know what this one has handled, until ctx ends. While
// nothing is recorded it does nothing. Otherwise it asks every other second whether
// somebody looks, and only if so, writes what is new twice a second.
func (a *Activity) Run(ctx context.Context) {
	for {
		select {
		case <-a.news:
		case <-ctx.Done():
			a.leave(context.WithoutCancel(ctx))
			return
		}
		wait := askEvery
		if a.flush(ctx) {
			wait = flushEvery
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// leave writes what this replica has handled last, if somebody looks.
func (a *Activity) leave(ctx context.Context) {
	if len(a.news) == 0 {
		return
	}
	limited, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	if a.take(limited) == nil {
		defer a.give()
		a.flushedAt = time.Time{} // there is no next time
		if a.watch.on(time.Now()) {
			a.note(ctx, a.write(limited, false))
		}
	}
}

// flush writes what is new, if somebody looks, and reports whether somebody does.
func (a *Activity) flush(ctx context.Context) bool {
	limited, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	if a.take(limited) != nil {
		a.tell()
		return false
	}
	defer a.give()
	var err error
	if !a.watch.on(time.Now()) {
		err = a.read(limited)
	}
	if err == nil && a.watch.on(time.Now()) {
		err = a.write(limited, false)
	}
	a.note(ctx, err)
	if err != nil {
		a.tell() // to try again
	}
	return err == nil && a.watch.on(time.Now())
}

// Look returns what all replicas have seen, and lets them know that somebody looks. It
// fails if the store does not answer.
func (a *Activity) Look(ctx context.Context) (View, error) {
	waiting, cancel := context.WithTimeout(ctx, 2*budget) // another one has the turn for budget at most
	defer cancel()
	if err := a.take(waiting); err != nil {
		return View{}, err
	}
	defer a.give()
	if !fresh(a.readAt, readEvery) {
		limited, cancel := context.WithTimeout(waiting, budget)
		defer cancel()
		err := a.write(limited, true)
		a.note(ctx, err)
		if err != nil {
			return View{}, err
		}
	}
	shown := a.document
	now := time.Now()
	shown.merge(a.own(), now)
	return shown.view(now), nil
}

// fresh reports whether something was less than age ago.
func fresh(at time.Time, age time.Duration) bool { return !at.IsZero() && time.Since(at) < age }

// read reads the document.
func (a *Activity) read(ctx context.Context) error {
	found, err := a.store.Get(ctx, contract.ActivityKey)
	if err != nil {
		return err
	}
	a.know(decode(found[0].Value))
	return nil
}

func (a *Activity) know(d document) {
	now := time.Now()
	a.document = d
	a.readAt = now
	a.watch.read(d.WatchedUntil, now)
}

// write writes what is new of this replica, not more often than flushEvery, and that
// somebody looks. If nothing of it is to be written, it only reads.
func (a *Activity) write(ctx context.Context, looking bool) error {
	o := a.own()
	var d document
	var isNew, flush, extend bool
	_, err := state.Update(ctx, a.store, contract.ActivityKey, keepFor, func(value []byte) ([]byte, error) {
		now := time.Now()
		d = decode(value)
		isNew = o.added > a.flushed || o.added > 0 && len(d.Events) == 0 // the store may have forgotten it
		flush = isNew && !fresh(a.flushedAt, flushEvery)
		left := d.WatchedUntil.Sub(now)
		extend = looking && (left < watchFor-extendAfter || left > maxAhead) && !fresh(a.extendedAt, extendAfter)
		if !flush && !extend {
			return nil, state.ErrKeep
		}
		if extend {
			d.WatchedUntil = shownTime(now.Add(watchFor))
		}
		if flush {
			d.merge(o, now)
		}
		return d.encode()
	})
	if err != nil {
		return err
	}
	a.know(d)
	if extend {
		a.extendedAt = a.readAt
	}
	switch {
	case flush:
		a.flushed = o.added
		a.flushedAt = a.readAt
	case isNew:
		a.tell() // it is written later
	}
	return nil
}

// take waits for the turn.
func (a *Activity) take(ctx context.Context) error {
	select {
	case <-a.turn:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting to read the last events: %w", context.Cause(ctx))
	}
}

func (a *Activity) give() { a.turn <- struct{}{} }

// note logs that the store fails, and that it does no longer, unless ctx ended what was
// asked of it.
func (a *Activity) note(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil:
		return
	case err != nil && !a.failing:
		a.logger.WarnContext(ctx, "the last events cannot be shared among the replicas; counting goes on",
			"dependency", contract.StateStore, "error", err)
	case err == nil && a.failing:
		a.logger.InfoContext(ctx, "the last events are shared among the replicas again")
	}
	a.failing = err != nil
}
