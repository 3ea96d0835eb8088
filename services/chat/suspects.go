package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"daca/services/internal/contract"
)

const (
	// A component that connects again within a call makes it slow, and hides that the
	// connection broke. Slow calls make events suspect once in a slowPeriod at most,
	// because those of an overloaded broker are slow too.
	slowCall   = time.Second
	slowPeriod = time.Minute

	// copiesAtOnce is how many suspects one transaction puts on disk. Requests that
	// spool their events wait for it.
	copiesAtOnce = 1000
)

// doubts decides when events become suspect.
type doubts struct {
	mu     sync.Mutex
	blamed map[blame]bool
	slow   time.Time // when a slow call made events suspect
}

// blame names a record of the spool whose failure made events suspect. It does so once:
// perhaps the broker refuses nothing but this one.
type blame struct {
	topic  string
	number uint64
}

// remember notes that the broker has taken events of the lane.
func (p *publisher) remember(ctx context.Context, l *lane, began time.Time, taken []record) {
	now := time.Now()
	slow := now.Sub(began) >= slowCall && p.doubts.slowAgain(now)
	if slow {
		p.suspect(ctx, now)
	}
	l.recent.Remember(now, taken)
	if slow && len(taken) > 1 { // the connection may have broken between two of them
		p.suspect(ctx, now)
	}
}

// slowAgain reports whether a slow call shall make events suspect.
func (d *doubts) slowAgain(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now.Sub(d.slow) < slowPeriod {
		return false
	}
	d.slow = now
	return true
}

// suspectAfterFailure makes what the broker acknowledged last suspect, because it did
// not take these events.
func (p *publisher) suspectAfterFailure(ctx context.Context, l *lane, failed []record) {
	p.doubts.mu.Lock()
	defer p.doubts.mu.Unlock()
	for _, f := range failed {
		if p.doubts.blamed[blame{l.topic, f.number}] {
			return
		}
	}
	if p.suspect(ctx, time.Now()) == 0 || len(failed) != 1 || failed[0].number == 0 {
		return
	}
	if p.doubts.blamed == nil || len(p.doubts.blamed) >= roundSize {
		p.doubts.blamed = map[blame]bool{}
	}
	p.doubts.blamed[blame{l.topic, failed[0].number}] = true
}

// suspect makes the remembered events of all topics suspect, which share a connection.
// It only moves them in memory, because a request may be waiting. It returns how many
// they are.
func (p *publisher) suspect(ctx context.Context, now time.Time) (all int) {
	for _, l := range p.lanes {
		found, forgotten := l.recent.Suspect(now)
		if found == 0 {
			continue
		}
		p.logger.WarnContext(ctx, "the broker may have lost what it acknowledged last: it is published once more",
			"dependency", contract.PubSub, "topic", l.topic, "events", found)
		if forgotten > 0 {
			p.logger.ErrorContext(ctx, "what the broker may have lost is too much: some is not published once more",
				"dependency", contract.PubSub, "topic", l.topic, "events", forgotten)
		}
		l.wakeUp()
		all += found
	}
	return all
}

// saveSuspects puts the suspects of the topic into the spool. Those that it does not
// take stay in memory until it does. Only the drain of the topic calls it.
func (p *publisher) saveSuspects(ctx context.Context, l *lane) {
	if len(l.unsaved) == 0 {
		l.unsaved = l.recent.TakeSuspects()
	}
	now := time.Now().UnixMilli()
	for chunk := range slices.Chunk(l.unsaved, copiesAtOnce) {
		for i := range chunk {
			chunk[i].At = now
		}
		n, err := p.spool.AddCopies(l.topic, chunk)
		l.unsaved = l.unsaved[n:]
		p.copied.Add(float64(n))
		if errors.Is(err, errSpoolFull) {
			p.logger.DebugContext(ctx, "the spool has no room for copies of events", "topic", l.topic)
			return
		}
		if err != nil {
			p.logger.ErrorContext(ctx, "events that the broker may have lost cannot be spooled",
				"topic", l.topic, "error", err)
			return
		}
	}
}
