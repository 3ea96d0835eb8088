package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"daca/services/internal/contract"
)

const (
	roundSize     = 256                    // events of one round
	roundWorkers  = 32                     // calls at a time, where one call is not enough for a round
	probeInterval = 250 * time.Millisecond // between rounds in which the broker took nothing
)

// Drain publishes the events of the spool, old and new, until ctx ends. Requests go
// on publishing beside it. In all, the events of a topic have no order.
func (p *publisher) Drain(ctx context.Context) {
	var wg sync.WaitGroup
	for _, l := range p.lanes {
		wg.Go(func() { p.drain(ctx, l) })
	}
	wg.Wait()
}

func (p *publisher) drain(ctx context.Context, l *lane) {
	for ctx.Err() == nil {
		if p.spool.Len(l.topic) == 0 {
			select {
			case <-l.wake:
			case <-ctx.Done():
			}
			continue
		}
		if p.round(ctx, l) == 0 {
			select {
			case <-time.After(probeInterval + rand.N(probeInterval/4)):
			case <-ctx.Done():
			}
		}
	}
}

// round tries the events that follow those of the last round, after the last event
// the first again, and removes those that the broker takes. It returns how many left
// the spool. While the topic is failing it tries one event. So a fruitless round
// costs one record and one call, and an event that the broker refuses holds up no
// other.
func (p *publisher) round(ctx context.Context, l *lane) (done int) {
	if !p.remove(ctx, l) {
		return 0
	}
	size := roundSize
	if l.failing.Load() {
		size = 1
	}
	found, damaged, err := p.spool.After(l.topic, l.passed, size)
	if err == nil && len(found)+len(damaged) == 0 {
		found, damaged, err = p.spool.After(l.topic, 0, size)
	}
	if err != nil {
		p.logger.ErrorContext(ctx, "the spool cannot be read", "topic", l.topic, "error", err)
		return 0
	}
	if len(damaged) > 0 {
		done += p.setAside(ctx, l, damaged)
	}
	if len(found) == 0 {
		return done
	}
	l.passed = found[len(found)-1].number
	if ready := p.settled(ctx, found); len(ready) > 0 {
		l.taken = p.publishAll(ctx, l, ready)
		if len(l.taken) == 0 {
			l.passed = ready[0].number // perhaps the broker only refuses this one
		}
	}
	done += len(l.taken)
	p.remove(ctx, l)
	return done
}

// remove removes what the broker has taken. If the disk fails it returns false: until
// that is mended the drain rests, because it would publish the same events again.
func (p *publisher) remove(ctx context.Context, l *lane) bool {
	if len(l.taken) == 0 {
		return true
	}
	if err := p.spool.Remove(l.topic, l.taken); err != nil {
		p.logger.ErrorContext(ctx, "published events stay in the spool", "topic", l.topic, "error", err)
		return false
	}
	l.taken = nil
	return true
}

// setAside moves damaged records out of the way, and returns how many.
func (p *publisher) setAside(ctx context.Context, l *lane, damaged []uint64) int {
	if err := p.spool.SetAside(l.topic, damaged); err != nil {
		p.logger.ErrorContext(ctx, "damaged events cannot be set aside", "topic", l.topic, "error", err)
		return 0
	}
	p.logger.ErrorContext(ctx, "events in the spool are damaged, and set aside: they are not published",
		"topic", l.topic, "events", len(damaged))
	return len(damaged)
}

// settled agrees on id and time of the events that need it, and returns all those
// that are ready to be published.
func (p *publisher) settled(ctx context.Context, found []record) []record {
	var open []*record
	for i := range found {
		if found[i].Claim != "" {
			open = append(open, &found[i])
		}
	}
	failed := eachAfterTheFirst(open, func(r *record) error { return p.agreement.settleRecord(ctx, r) })
	if failed == nil {
		return found
	}
	p.logger.DebugContext(ctx, "agreeing on id and time of a spooled event failed", "error", failed)
	var ready []record
	for _, r := range found {
		if r.Claim == "" {
			ready = append(ready, r)
		}
	}
	return ready
}

// publishAll returns the numbers of the events that the broker took.
func (p *publisher) publishAll(ctx context.Context, l *lane, ready []record) (taken []uint64) {
	if len(ready) > 1 && p.inOneCall(ctx, l, ready) {
		for _, r := range ready {
			taken = append(taken, r.number)
			p.shown.Published(r.eventID())
		}
		return taken
	}
	ctx, cancel := context.WithTimeout(ctx, p.budget)
	defer cancel()
	var mu sync.Mutex
	err := eachAfterTheFirst(ready, func(r record) error {
		if err := p.attempt(ctx, l, r.Event); err != nil {
			return err
		}
		p.shown.Published(r.eventID())
		mu.Lock()
		defer mu.Unlock()
		taken = append(taken, r.number)
		return nil
	})
	if err != nil {
		p.logger.DebugContext(ctx, "the broker did not take all events",
			"dependency", contract.PubSub, "topic", l.topic, "taken", len(taken), "tried", len(ready), "error", err)
	}
	return taken
}

// inOneCall reports whether the broker took all events at once. If not, it may have
// some of them.
func (p *publisher) inOneCall(ctx context.Context, l *lane, ready []record) bool {
	ctx, cancel := context.WithTimeout(ctx, p.budget)
	defer cancel()
	events := make([][]byte, 0, len(ready))
	for _, r := range ready {
		events = append(events, r.Event)
	}
	err := p.broker.PublishAll(ctx, l.topic, events)
	p.note(ctx, l, len(ready), err)
	return err == nil
}

// eachAfterTheFirst calls do with the first item and, unless that fails, with all
// others, many at a time. It returns one of the errors.
func eachAfterTheFirst[T any](items []T, do func(T) error) (failure error) {
	if len(items) == 0 {
		return nil
	}
	if err := do(items[0]); err != nil {
		return err
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	next := make(chan T)
	for range min(roundWorkers, len(items)-1) {
		wg.Go(func() {
			for item := range next {
				if err := do(item); err != nil {
					mu.Lock()
					failure = err
					mu.Unlock()
				}
			}
		})
	}
	for _, item := range items[1:] {
		next <- item
	}
	close(next)
	wg.Wait()
	return failure
}
