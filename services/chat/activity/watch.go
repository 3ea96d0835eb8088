package activity

import (
	"context"
	"errors"
	"io"
	"reflect"
	"slices"
	"time"

	"daca/services/internal/contract"
)

const (
	maxQueue     = 64              // events that a watcher has not read; beyond, it gets a new snapshot
	updateEvery  = time.Second     // between two updates
	recheckEvery = 5 * time.Second // between two questions whether a watcher is an operator
)

// Errors of Watch.
var (
	ErrBusy    = errors.New("too many watch, or the service stops")
	ErrRefused = errors.New("the token is not that of an operator")
)

// Overview is what is shown besides the events.
type Overview struct {
	Operator    bool     `json:"operator" doc:"Whether the watcher sees everything, and may handle dead letters."`
	Minutes     []Minute `json:"minutes" doc:"The last 30 minutes, oldest first."`
	Users       []User   `json:"users" doc:"Of the last events, newest first."`
	DeadLetters *Letters `json:"dead_letters" doc:"null if they are not known, or not for the watcher."`
	Waiting     int      `json:"waiting" doc:"How many events wait in the spool of the replica."`
	Analytics   string   `json:"analytics" enum:"ok,away"`
}

// Snapshot is all that is shown.
type Snapshot struct {
	Overview

	Events []Event `json:"events" doc:"In the order in which they were received."`
}

// same reports whether two overviews show the same. When dead letters were read is not shown
// for its own sake.
func (s Overview) same(as Overview) bool {
	if s.DeadLetters != nil && as.DeadLetters != nil {
		letters := *as.DeadLetters
		letters.ReadAt = s.DeadLetters.ReadAt
		as.DeadLetters = &letters
	}
	return reflect.DeepEqual(s, as)
}

// News is what has happened since the last call of Next, as far as it is not empty. A
// snapshot comes alone.
type News struct {
	Snapshot *Snapshot
	Events   []Event
	Update   *Overview
}

func (n *News) empty() bool { return n.Snapshot == nil && n.Events == nil && n.Update == nil }

// Watcher sees what happens. It is not for concurrent use.
type Watcher struct {
	a             *Activity
	user          string
	authorization string
	checked       bool // whether analytics has said who it is
	checkedAt     time.Time
	last          Overview // that it was given
	lastAt        time.Time
	seen          uint64 // changes of the overview
	wake          chan struct{}

	// Guarded by the mutex of the Activity.
	operator bool
	skipped  bool // it needs a snapshot
	queue    []Event
}

// Watch begins to watch. The user's own events are shown, and all to an operator, whom analytics
// knows by the value of the Authorization header. It fails with ErrBusy and with ErrRefused,
// the latter if there is a value that analytics refuses.
func (a *Activity) Watch(ctx context.Context, user contract.UserID, authorization string) (*Watcher, error) {
	w := &Watcher{
		a: a, user: string(user), authorization: authorization, wake: make(chan struct{}, 1), skipped: true,
	}
	a.mu.Lock()
	if len(a.watchers) >= a.cfg.MaxWatchers || a.ctx.Err() != nil {
		a.mu.Unlock()
		return nil, ErrBusy
	}
	a.watchers[w] = struct{}{}
	a.mu.Unlock()
	answered := w.check(ctx)
	if answered && !w.operator && authorization != "" {
		w.Close()
		return nil, ErrRefused
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ctx.Err() != nil {
		delete(a.watchers, w)
		return nil, ErrBusy
	}
	if !a.polling {
		a.polling = true
		a.stale = true
		a.away = !answered
		a.waiting = a.cfg.Waiting()
		a.all.Go(a.poll)
	}
	return w, nil
}

// Close ends the watching.
func (w *Watcher) Close() {
	w.a.mu.Lock()
	defer w.a.mu.Unlock()
	delete(w.a.watchers, w)
}

// check asks analytics who watches, and reports whether it has answered.
func (w *Watcher) check(ctx context.Context) bool {
	asking, cancel := context.WithTimeout(ctx, w.a.cfg.Timeout)
	defer cancel()
	operator, err := w.a.cfg.Analytics.Administers(asking, w.authorization)
	w.checkedAt = time.Now()
	w.checked = err == nil
	if operator && err == nil {
		w.a.mu.Lock()
		defer w.a.mu.Unlock()
		w.operator, w.skipped, w.queue = true, true, nil
	}
	return err == nil
}

// sees reports whether the watcher may see what concerns the user.
func (w *Watcher) sees(user string) bool { return w.operator || w.user == user }

// push adds an event for the watcher to read. The caller holds the mutex.
func (w *Watcher) push(e Event) {
	if w.skipped || !w.sees(e.UserID) {
		return
	}
	if len(w.queue) == maxQueue {
		w.queue, w.skipped = nil, true
	} else {
		w.queue = append(w.queue, e)
	}
	w.wakeUp()
}

func (w *Watcher) wakeUp() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Next returns what has happened since the last call, and waits until there is something.
// It returns io.EOF when the Activity stops, and the error of ctx if that ends.
func (w *Watcher) Next(ctx context.Context) (News, error) {
	for {
		if err := ctx.Err(); err != nil {
			return News{}, err
		}
		if w.a.ctx.Err() != nil {
			return News{}, io.EOF
		}
		if !w.checked && !w.a.isAway() && time.Since(w.checkedAt) >= recheckEvery {
			w.check(ctx)
		}
		news, due := w.take()
		if !news.empty() {
			return news, nil
		}
		if err := w.wait(ctx, due); err != nil {
			return News{}, err
		}
	}
}

// wait waits until there may be something, or until an update is due, unless that is zero.
func (w *Watcher) wait(ctx context.Context, due time.Duration) error {
	var timeout <-chan time.Time
	if !w.checked {
		due = recheckEvery
	}
	if due > 0 {
		timer := time.NewTimer(due)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-w.wake:
	case <-timeout:
	case <-w.a.ctx.Done():
		return io.EOF
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// take returns what there is, or when an update is due.
func (w *Watcher) take() (news News, due time.Duration) {
	w.a.mu.Lock()
	defer w.a.mu.Unlock()
	if w.skipped && w.a.stale { // a snapshot of now would lack what is told next as if it had just happened
		return News{}, 0
	}
	if w.skipped {
		w.skipped, w.queue = false, nil
		s := &Snapshot{Overview: w.a.overview(w), Events: []Event{}}
		for _, r := range w.a.rows() {
			if w.sees(r.UserID) {
				s.Events = append(s.Events, r.Event)
			}
		}
		w.given(s.Overview)
		return News{Snapshot: s}, 0
	}
	news.Events, w.queue = w.queue, nil
	if w.seen == w.a.changes {
		return news, 0
	}
	if due = updateEvery - time.Since(w.lastAt); due > 0 {
		return news, due
	}
	s := w.a.overview(w)
	if !s.same(w.last) {
		news.Update = &s
	}
	w.given(s)
	return news, 0
}

// given notes what the watcher knows.
func (w *Watcher) given(s Overview) {
	w.last, w.lastAt, w.seen = s, time.Now(), w.a.changes
}

func (a *Activity) isAway() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.away
}

// overview returns what the watcher may see, and everything for nil. The caller holds mu.
func (a *Activity) overview(w *Watcher) Overview {
	s := Overview{
		Operator: w == nil || w.operator, Minutes: append([]Minute{}, a.answer.Minutes...),
		Users: append([]User{}, a.answer.Users...), Waiting: a.waiting, Analytics: "ok",
	}
	if s.Operator {
		s.DeadLetters = a.answer.DeadLetters
	} else {
		s.Users = slices.DeleteFunc(s.Users, func(u User) bool { return u.UserID != w.user })
	}
	if a.away {
		s.Analytics = "away"
	}
	return s
}
