package runs

import (
	"context"
	"fmt"
	"time"

	"daca/services/internal/contract"
)

const (
	pollFast    = 50 * time.Millisecond  // between two reads of a run that moves, see paced
	pollSlow    = 250 * time.Millisecond // the same if it does not
	pollFailing = time.Second            // the same while the store fails
	askInterval = time.Second            // between two looks for a sign of life
	patience    = time.Minute            // with a store that does not answer
)

// feed adds to a log what another replica stores.
type feed struct {
	m   *Manager
	id  string
	log *log

	etag    string
	current *document
	value   []byte
	seen    time.Time // when there was a sign of life
	asked   time.Time // when one was looked for
	sign    string
	failing time.Time // since when the store fails; zero if it does not
	missing time.Time // since when there is no document; zero if there is one
}

func (m *Manager) feed(id string, l *log) *feed { return &feed{m: m, id: id, log: l, seen: time.Now()} }

// run adds to the log until the run or ctx ends.
func (f *feed) run(ctx context.Context) {
	wait := pollFast
	for {
		moved, err := f.step(ctx)
		switch {
		case f.over(ctx, err):
			return
		case err != nil:
			wait = min(2*wait, pollFailing)
		case moved:
			wait = f.m.paceOfMirrors()
		default:
			wait = max(min(wait+wait/2, pollSlow), f.m.paceOfMirrors())
		}
		if !pause(ctx, wait) {
			f.log.fail(ErrUnavailable)
			return
		}
	}
}

// over reports whether there is nothing more to come.
func (f *feed) over(ctx context.Context, err error) bool {
	now := time.Now()
	switch {
	case ctx.Err() != nil:
		f.log.fail(ErrUnavailable)
		return true
	case f.log.hasEnded():
		return true
	case err == nil:
		f.failing = time.Time{}
		return false
	case f.failing.IsZero():
		f.failing = now
	case now.Sub(f.failing) > patience:
		f.log.fail(fmt.Errorf("%w: %w", ErrUnavailable, err))
		return true
	}
	f.seen = now // whoever does not see anything cannot tell that somebody is dead
	return false
}

// step reads the document once, and reports whether it has changed.
func (f *feed) step(ctx context.Context) (moved bool, err error) {
	calling, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	found, err := f.m.get(calling, contract.RunKey(f.id))
	if err != nil {
		return false, err
	}
	now := time.Now()
	if len(found.Value) == 0 {
		f.miss(now)
		return false, nil
	}
	f.missing = time.Time{}
	if found.ETag == f.etag {
		return false, f.checkOwner(ctx, now)
	}
	d, err := decodeDocument(found.Value)
	if err != nil {
		return false, err
	}
	if err := f.apply(calling, d); err != nil {
		return false, err
	}
	f.etag, f.value, f.current, f.seen = found.ETag, found.Value, d, now
	return true, nil
}

// miss ends the log if there is no document for a while: it was lost, or has expired.
func (f *feed) miss(now time.Time) {
	if f.missing.IsZero() {
		f.missing = now
	}
	if now.Sub(f.missing) >= deadAfter {
		f.log.end(lostRun().Last)
	}
}

func lostRun() Outcome {
	return Fail(503, "The state store has lost the answer in progress. Send the message again.")
}

// apply adds what the document and its segments have to the log.
func (f *feed) apply(ctx context.Context, d *document) error {
	first := 0
	known := f.log.known(d.Attempt)
	for _, end := range d.Sealed {
		if end > known {
			found, err := f.m.get(ctx, contract.RunSegmentKey(d.RunID, d.Attempt, end))
			if err != nil {
				return err
			}
			entries := decodeSegment(found.Value)
			if len(entries) != end-first {
				f.m.cfg.Logger.ErrorContext(ctx, "a part of a run is lost",
					"dependency", contract.StateStore, "run_id", f.id, "key", contract.RunSegmentKey(d.RunID, d.Attempt, end))
				f.log.end(lostRun().Last)
				return nil
			}
			f.log.apply(d.Attempt, d.Begins, first, entries)
		}
		first = end
	}
	f.log.apply(d.Attempt, d.Begins, first, d.Entries)
	if d.State.Final() {
		f.log.end(d.Outcome.Last)
	}
	return nil
}

// checkOwner looks for a sign of life of the owner of a run that does not move, and ends
// the run if there was none for too long.
func (f *feed) checkOwner(ctx context.Context, now time.Time) error {
	if now.Sub(f.seen) < askInterval || now.Sub(f.asked) < askInterval {
		return nil
	}
	f.asked = now
	if f.current.Owner != f.m.replica || f.m.ownedRun(f.id) != nil { // otherwise it has been given up here
		calling, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		found, err := f.m.get(calling, contract.ReplicaKey(f.current.Owner))
		if err != nil {
			return err
		}
		if string(found.Value) != f.sign {
			f.sign, f.seen = string(found.Value), now
			return nil
		}
	}
	if now.Sub(f.seen) >= deadAfter {
		f.takeOver()
		f.seen = now // if that failed, somebody else may have done it
	}
	return nil
}

// takeOver ends a run whose owner is dead. If its outcome is stored, what that leads to is
// done now. Otherwise the run has failed. It does nothing if the document has changed.
func (f *feed) takeOver() {
	defer f.m.live()()
	ctx := context.WithoutCancel(f.m.ctx)
	r := &owned{
		m: f.m, job: Job{ID: f.id, UserID: f.current.UserID, SessionID: f.current.SessionID}, log: f.log,
		attempt: f.current.Attempt, begins: f.current.Begins, started: f.current.Started,
		ctx: ctx, cancel: func(error) {},
		stop: f.current.Stop, sealed: f.current.Sealed,
		stored: stored{known: true, etag: f.etag, value: f.value},
	}
	outcome := Fail(503, "The replica that was answering has died. Send the message again.")
	if f.current.State == Publishing {
		outcome = *f.current.Outcome
		r.set(Publishing, outcome)
		if r.save(ctx) != nil {
			return
		}
		outcome = f.m.cfg.Settle(ctx, r.info(), outcome)
	} else {
		r.died = true
	}
	r.set(outcome.State, outcome)
	if err := r.persist(ctx); err != nil {
		return
	}
	f.m.cfg.Logger.WarnContext(ctx, "a run of a dead replica was ended", "run_id", f.id,
		"replica", f.current.Owner, "state", outcome.State)
	f.log.end(outcome.Last)
}

// mirror is the log of a run that another replica owns, with those who read it here.
type mirror struct {
	log       *log
	followers int
	cancel    context.CancelFunc
}

// join returns the log of a run of another replica. One feed serves all who have joined,
// and ends with the last of them.
func (m *Manager) join(id string) (l *log, leave func(), err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, nil, ErrBusy
	}
	shared := m.mirrors[id]
	if shared == nil {
		ctx, cancel := context.WithCancel(m.ctx)
		shared = &mirror{log: newLog(), cancel: cancel}
		m.mirrors[id] = shared
		m.all.Go(func() {
			m.feed(id, shared.log).run(ctx)
			m.mu.Lock()
			defer m.mu.Unlock()
			m.part(id, shared)
		})
	}
	shared.followers++
	return shared.log, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if shared.followers--; shared.followers == 0 {
			m.part(id, shared)
		}
	}, nil
}

// part ends a mirror. Who has joined keeps its log. The caller holds mu.
func (m *Manager) part(id string, of *mirror) {
	if m.mirrors[id] == of {
		delete(m.mirrors, id)
	}
	of.cancel()
}
