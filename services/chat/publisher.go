package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"daca/services/internal/contract"
	"daca/services/internal/serve"
)

// broker publishes an encoded CloudEvent, see daprClient.
type broker interface {
	Publish(ctx context.Context, topic string, event []byte) error
}

// publisher gets events into the broker. An event that it has accepted is in the
// broker or on disk. From the disk it is published in the background, for as long
// as that takes. An event may be published twice, with the same id.
type publisher struct {
	broker broker
	spool  *spool
	budget time.Duration
	logger *slog.Logger

	outcome serve.Outcome // of the last attempt to publish
	failing topics        // whose last publish failed; their events go straight to the spool
	wake    chan struct{} // signals that the spool is not empty

	published prometheus.Counter
	spooled   prometheus.Counter
}

func newPublisher(
	b broker, s *spool, budget time.Duration, logger *slog.Logger, metrics prometheus.Registerer,
) *publisher {
	m := promauto.With(metrics)
	m.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "daca_spool_events",
		Help: "Events on disk that wait to be published.",
	}, func() float64 { return float64(s.Len()) })
	p := &publisher{
		broker: b, spool: s, budget: budget, logger: logger, wake: make(chan struct{}, 1),
		published: m.NewCounter(prometheus.CounterOpts{
			Name: "daca_events_published_total",
			Help: "Events that the broker has taken.",
		}),
		spooled: m.NewCounter(prometheus.CounterOpts{
			Name: "daca_events_spooled_total",
			Help: "Events that were put on disk because the broker did not take them in time.",
		}),
	}
	p.wakeUp() // an earlier process may have left events
	return p
}

// Publish returns when the event is in the broker or on disk. After an error the
// event is not on disk, and in the broker only if the broker failed after taking
// it. Publish goes on after the end of ctx, because the message has been answered.
func (p *publisher) Publish(ctx context.Context, event contract.Event) error {
	encoded, err := event.Encode()
	if err != nil {
		return err
	}
	topic := event.Type.Topic()
	publishErr := errors.New("the broker has been failing: earlier events wait in the spool")
	if !p.failing.has(topic) { // while a topic is failing, callers do not wait out the budget
		if publishErr = p.try(ctx, topic, encoded); publishErr == nil {
			return nil
		}
	}
	if err := p.spool.Add(topic, encoded); err != nil {
		return errors.Join(publishErr, err)
	}
	p.spooled.Inc()
	p.failing.add(topic)
	p.logger.WarnContext(ctx, "event spooled: it is published when the broker takes it again",
		"event_id", event.ID, "dependency", contract.PubSub, "error", publishErr)
	p.wakeUp()
	return nil
}

// try publishes within the budget.
func (p *publisher) try(ctx context.Context, topic string, event []byte) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.budget)
	defer cancel()
	retry := backoff.NewExponentialBackOff()
	retry.InitialInterval = 50 * time.Millisecond
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := p.broker.Publish(ctx, topic, event)
		p.outcome.Set(err)
		return struct{}{}, err
	}, backoff.WithBackOff(retry), backoff.WithMaxElapsedTime(p.budget))
	if err != nil {
		return err
	}
	p.published.Inc()
	return nil
}

func (p *publisher) wakeUp() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Drain publishes the events of the spool, old and new, until ctx ends.
func (p *publisher) Drain(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		}
		retry := backoff.NewExponentialBackOff()
		retry.InitialInterval = 100 * time.Millisecond
		retry.MaxInterval = 5 * time.Second
		_, _ = backoff.Retry(ctx, func() (struct{}, error) {
			err := p.flush(ctx)
			if err != nil {
				p.logger.DebugContext(ctx, "publishing the spool failed", "error", err)
			}
			return struct{}{}, err
		}, backoff.WithBackOff(retry), backoff.WithMaxElapsedTime(0)) // only ctx ends it
	}
}

// flush publishes all events of the spool, oldest first, and removes each one
// after the broker has taken it. After a failure it goes on with the other topics,
// so that no topic waits for another.
func (p *publisher) flush(ctx context.Context) error {
	var failure error
	failed := map[string]bool{} // by topic
	published := 0
	key, event, err := p.spool.After(nil)
	for ; err == nil && key != nil; key, event, err = p.spool.After(key) {
		if failed[event.Topic] {
			continue
		}
		attempt, cancel := context.WithTimeout(ctx, p.budget)
		publishErr := p.broker.Publish(attempt, event.Topic, event.Event)
		cancel()
		p.outcome.Set(publishErr)
		if publishErr != nil {
			failure = publishErr
			failed[event.Topic] = true
			continue
		}
		published++
		p.published.Inc()
		if err := p.spool.Remove(key); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	p.failing.replace(failed)
	if published > 0 {
		p.logger.InfoContext(ctx, "published from the spool", "events", published)
	}
	return failure
}

// Close tries once more to publish the events of the spool and closes it. The next
// process with the same SPOOL_PATH publishes the events that are left.
func (p *publisher) Close(ctx context.Context) error {
	flushErr := p.flush(ctx)
	left := p.spool.Len()
	if err := p.spool.Close(); err != nil {
		return fmt.Errorf("closing the spool: %w", err)
	}
	if left > 0 {
		p.logger.WarnContext(ctx, "events wait in the spool for the next start", "events", left, "error", flushErr)
	}
	return nil
}
