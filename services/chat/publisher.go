package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"

	"daca/services/internal/contract"
	"daca/services/internal/state"
)

// broker publishes encoded CloudEvents, see daprClient.
type broker interface {
	Publish(ctx context.Context, topic string, event []byte) error
	// PublishAll publishes many events in one call. After an error, the broker may
	// have taken any of them.
	PublishAll(ctx context.Context, topic string, events [][]byte) error
}

// shown is told what becomes of events, see activity.Activity.
type shown interface {
	Spooled(id string)
	Published(id string)
}

// publisher gets events into the broker. An event that it has accepted is in the
// broker or on disk. From the disk it is published in the background, for as long
// as that takes. An event may be published twice, with the same id and time.
type publisher struct {
	broker    broker
	agreement *agreement
	spool     *spool
	budget    time.Duration
	logger    *slog.Logger

	shown     shown
	lanes     []*lane
	published prometheus.Counter
	spooled   prometheus.Counter
}

var errFailing = errors.New("the broker or the state store has been failing: earlier events wait in the spool")

func newPublisher(
	b broker, store state.Store, s *spool, shown shown, budget time.Duration,
	logger *slog.Logger, metrics prometheus.Registerer,
) *publisher {
	p := &publisher{
		broker: b, agreement: &agreement{store: store, budget: budget},
		spool: s, shown: shown, budget: budget, logger: logger,
	}
	for _, topic := range s.Topics() {
		p.lanes = append(p.lanes, newLane(topic, s))
	}
	p.measure(metrics)
	return p
}

// Publish returns when the event is in the broker or on disk. Events of the same type
// and user with the same key, unless that is empty, become copies of the first one.
// After an error the event is not on disk, and in the broker only if the broker failed
// after taking it. Publish goes on after the end of ctx, because the message has been
// answered.
func (p *publisher) Publish(ctx context.Context, event contract.Event, idempotencyKey string) error {
	ctx = context.WithoutCancel(ctx)
	encoded, err := event.Encode()
	if err != nil {
		return err
	}
	r := record{Event: encoded}
	if idempotencyKey != "" {
		r.Claim = contract.IdempotencyKey(event.Type, event.UserID, idempotencyKey)
	}
	l := p.lane(event.Type.Topic())
	failure := errFailing
	tried := !l.failing.Load() && (r.Claim == "" || !p.agreement.failing.Load())
	if tried {
		if failure = p.now(ctx, l, &r); failure == nil {
			p.shown.Published(event.ID)
			return nil
		}
	}
	r.At = time.Now().UnixMilli()
	spoolErr := p.spool.Add(l.topic, r)
	if spoolErr == nil {
		p.spooled.Inc()
		p.shown.Spooled(event.ID)
		p.logger.DebugContext(ctx, "event spooled", "event_id", event.ID, "topic", l.topic, "error", failure)
		l.wakeUp()
		return nil
	}
	if !tried { // the broker may be back
		if failure = p.now(ctx, l, &r); failure == nil {
			p.shown.Published(event.ID)
			return nil
		}
	}
	return errors.Join(failure, spoolErr)
}

// lane returns the lane of a topic that the spool knows.
func (p *publisher) lane(topic string) *lane {
	for _, l := range p.lanes {
		if l.topic == topic {
			return l
		}
	}
	panic("no lane for topic " + topic)
}

// now publishes the event within the budget, and agrees on its id and time before.
func (p *publisher) now(ctx context.Context, l *lane, r *record) error {
	if r.Claim != "" {
		failed := p.agreement.failing.Load()
		if err := p.agreement.settleRecord(ctx, r); err != nil {
			if !failed {
				p.logger.WarnContext(ctx, "events with an Idempotency-Key are spooled until the state store answers",
					"dependency", contract.StateStore, "error", err)
			}
			return fmt.Errorf("agreeing on an event's id and time: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, p.budget)
	defer cancel()
	retry := backoff.NewExponentialBackOff()
	retry.InitialInterval = 50 * time.Millisecond
	var last error // says more than that the budget is used up
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		last = p.attempt(ctx, l, r.Event)
		return struct{}{}, last
	}, backoff.WithBackOff(retry), backoff.WithMaxElapsedTime(p.budget))
	if err != nil {
		err = cmp.Or(last, err)
	}
	if err != nil && !l.failing.Swap(true) {
		p.logger.WarnContext(ctx, "the broker does not take events: they are spooled until it does",
			"dependency", contract.PubSub, "topic", l.topic, "error", err)
	}
	return err
}

// attempt publishes one event once.
func (p *publisher) attempt(ctx context.Context, l *lane, event []byte) error {
	err := p.broker.Publish(ctx, l.topic, event)
	p.note(ctx, l, 1, err)
	return err
}

// note remembers how an attempt to publish n events ended. The first success ends a
// failure of the topic.
func (p *publisher) note(ctx context.Context, l *lane, n int, err error) {
	l.outcome.Set(err)
	if err != nil {
		return
	}
	p.published.Add(float64(n))
	if l.failing.Swap(false) {
		p.logger.InfoContext(ctx, "the broker takes events again",
			"dependency", contract.PubSub, "topic", l.topic, "spooled", p.spool.Len(l.topic))
	}
}

// Close tries once more to publish the events of the spool, until ctx ends or the
// broker fails, and closes the spool. The next process with the same SPOOL_PATH
// publishes the events that are left. Drain must have ended.
func (p *publisher) Close(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, l := range p.lanes {
		wg.Go(func() {
			for p.round(ctx, l) > 0 {
			}
		})
	}
	wg.Wait()
	left := p.Probe(ctx)
	if err := p.spool.Close(); err != nil {
		return fmt.Errorf("closing the spool: %w", err)
	}
	if left != nil {
		p.logger.WarnContext(ctx, "events may wait in the spool for the next start", "error", left)
	}
	return nil
}
