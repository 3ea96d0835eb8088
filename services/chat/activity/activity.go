// Package activity shows the messages of the service as they pass through the suite. What
// this replica does with a message is known at once, and what becomes of its event is asked
// of analytics, while somebody watches.
package activity

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"daca/services/internal/contract"
)

const (
	maxOwn    = 60                     // messages of this replica that are remembered
	maxOthers = 60                     // events of analytics that are remembered
	maxReason = 200                    // bytes
	pollEvery = 500 * time.Millisecond // between two questions to analytics
)

// Analytics is what is asked of the analytics service.
type Analytics interface {
	// Activity returns what became of the last events.
	Activity(ctx context.Context) (Answer, error)
	// Administers reports whether analytics takes the value of an Authorization header for
	// that of an operator. The value may be empty.
	Administers(ctx context.Context, authorization string) (bool, error)
}

// Config is what New needs.
type Config struct {
	Analytics   Analytics
	Timeout     time.Duration // for asking analytics once
	Waiting     func() int    // how many events are in the spool
	MaxWatchers int
	Logger      *slog.Logger
}

// Activity remembers the last messages, and shows them to watchers. What it remembers is
// bounded, whoever sends messages.
type Activity struct {
	cfg      Config
	instance string // part of each key, so that keys of another process are others
	ctx      context.Context
	stop     context.CancelFunc
	all      sync.WaitGroup // of the poller

	mu       sync.Mutex
	own      [maxOwn]*row // a ring
	begun    uint64       // messages since the start
	others   []*row       // that analytics knows, oldest first; rows of own may be among them
	answer   Answer       // the last one, without its events
	away     bool
	waiting  int
	changes  uint64 // of what is in an Overview
	watchers map[*Watcher]struct{}
	polling  bool
	stale    bool // whether analytics has not answered yet since somebody watches
}

// New returns an Activity. It asks analytics only while there are watchers. It ends with
// Close.
func New(cfg Config) *Activity {
	ctx, stop := context.WithCancel(context.Background())
	return &Activity{
		cfg: cfg, instance: uuid.NewString()[:8], ctx: ctx, stop: stop, watchers: map[*Watcher]struct{}{},
	}
}

// Stop ends all watching, and admits no more of it.
func (a *Activity) Stop() { a.stop() }

// Close stops, and waits until analytics is not asked any more.
func (a *Activity) Close() {
	a.mu.Lock() // no poller is started after this
	a.stop()
	a.mu.Unlock()
	a.all.Wait()
}

// row is an event and what is only known here of it.
type row struct {
	Event

	failed bool
}

// stage returns the stage of what is known.
func (r *row) stage() Stage {
	switch {
	case r.Outcome != "":
		return Stage(r.Outcome)
	case r.failed:
		return Failed
	case !r.PublishedAt.IsZero():
		return Published
	case r.Spooled:
		return Spooled
	}
	return Answering
}

// is reports whether the row is that of the event. Strangers choose ids too, so that
// an id alone does not tell.
func (r *row) is(id string, kind contract.EventType, user string) bool {
	return r.ID == id && r.Type == kind && r.UserID == user
}

// Message is one message of this replica. Its methods do nothing if it is nil.
type Message struct {
	a   *Activity
	row *row
}

// Begin remembers that a message, or a registration, was received.
func (a *Activity) Begin(kind contract.EventType, user contract.UserID, received time.Time) *Message {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := &row{Event: Event{
		Key: fmt.Sprintf("%s-%d", a.instance, a.begun), Type: kind, UserID: string(user), ReceivedAt: micros(received),
	}}
	a.own[a.begun%maxOwn] = r
	a.begun++
	a.show(r)
	return &Message{a, r}
}

// Answered remembers that the message is answered, and that this is its event. It is to be
// called before the event is published.
func (m *Message) Answered(event contract.Event) {
	if m == nil {
		return
	}
	m.a.mu.Lock()
	defer m.a.mu.Unlock()
	m.row.ID = event.ID
	m.row.AnsweredAt = micros(event.Answered)
	m.a.show(m.row)
}

// Fail remembers why the message has led to nothing.
func (m *Message) Fail(reason string) {
	if m == nil {
		return
	}
	m.a.mu.Lock()
	defer m.a.mu.Unlock()
	m.row.failed = true
	m.row.Reason = contract.Shorten(reason, maxReason)
	m.a.show(m.row)
}

// Published remembers that the broker has an event, perhaps out of the spool.
func (a *Activity) Published(id string) {
	now := micros(time.Now())
	a.each(id, func(r *row) bool {
		if !r.PublishedAt.IsZero() {
			return false
		}
		r.PublishedAt = now
		return true
	})
}

// Spooled remembers that an event waits on disk, or waited there if it is published already.
func (a *Activity) Spooled(id string) {
	a.each(id, func(r *row) bool {
		if r.Spooled {
			return false
		}
		r.Spooled = true
		return true
	})
}

// each changes the rows of this replica's messages that have the event, and shows those for
// which change returns true.
func (a *Activity) each(id string, change func(*row) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.own {
		if r != nil && r.ID == id && id != "" && change(r) {
			a.show(r)
		}
	}
}

// show passes the row on to those who may see it. The caller holds mu.
func (a *Activity) show(r *row) {
	r.Stage = r.stage()
	for w := range a.watchers {
		w.push(r.Event)
	}
}

// poll asks analytics again and again while somebody watches.
func (a *Activity) poll() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-a.ctx.Done():
		}
		if a.idle() {
			return
		}
		asking, cancel := context.WithTimeout(a.ctx, a.cfg.Timeout)
		answer, err := a.cfg.Analytics.Activity(asking)
		cancel()
		a.learn(answer, err)
		timer.Reset(pollEvery)
	}
}

// idle reports whether nobody watches. Then the poller ends.
func (a *Activity) idle() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.watchers) > 0 && a.ctx.Err() == nil {
		return false
	}
	a.polling = false
	return true
}

// learn takes over an answer of analytics, or that there was none.
func (a *Activity) learn(answer Answer, err error) {
	if a.ctx.Err() != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stale {
		a.stale = false
		for w := range a.watchers {
			w.wakeUp()
		}
	}
	before := a.overview(nil)
	if err != nil && !a.away {
		a.cfg.Logger.Warn("the last events are shown as far as this replica knows them",
			"dependency", contract.AnalyticsApp, "error", err)
	}
	a.away = err != nil
	a.waiting = a.cfg.Waiting()
	if err == nil {
		a.merge(answer)
	}
	if !before.same(a.overview(nil)) {
		a.changes++
		for w := range a.watchers {
			w.wakeUp()
		}
	}
}
