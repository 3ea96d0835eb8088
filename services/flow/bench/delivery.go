package main

import (
	"context"
	"fmt"
)

// delivery measures how fast events are delivered and counted, and what it costs.
func (b *bench) delivery(ctx context.Context) ([]figure, error) {
	b.say("starting the subscribers")
	all, stop, err := b.startSubscribers(ctx)
	defer stop()
	if err != nil {
		return nil, err
	}
	for _, s := range []*subscriber{all.one, all.four} {
		b.say("%s: %d events of each round's hot user", s.name, b.hot)
		hot := newWorkload(withCopies(b.hot*(b.rounds+1)), inTurn("hot", b.rounds+1))
		if _, err := s.deliver(ctx, hot); err != nil {
			return nil, err
		}
	}
	compared := newScenarios(all, b.events, b.hot)
	if err := b.inTurns(ctx, compared.list()); err != nil {
		return nil, err
	}
	b.say("medians of %d rounds:", b.rounds)
	for _, s := range compared.list() {
		b.say("%-31s %s", s.name, s.summary())
	}
	depth, err := b.depth(ctx, all.one)
	return append(compared.figures(), depth...), err
}

// subscribers are all that the delivery of events is measured with. Each has a Redis of
// its own, and nothing to do while others are measured.
type subscribers struct {
	single, bulk, raw, one, four *subscriber // bulk is nil where the suite has single deliveries
}

// startSubscribers starts them. The caller calls stop even after an error.
func (b *bench) startSubscribers(ctx context.Context) (all subscribers, stop func(), err error) {
	var started []*subscriber
	stop = func() {
		for _, s := range started {
			b.end(ctx, s)
		}
	}
	batches, err := b.deliversBatches()
	if err != nil {
		return all, stop, err
	}
	exact := func(name string, replicas int) func(context.Context) (*subscriber, error) {
		return func(ctx context.Context) (*subscriber, error) { return b.exact(ctx, name, b.bin, replicas) }
	}
	for _, each := range []struct {
		into  **subscriber
		start func(context.Context) (*subscriber, error)
	}{
		{&all.single, b.single},
		{&all.bulk, b.bulk},
		{&all.raw, b.raw},
		{&all.one, exact("one", 1)},
		{&all.four, exact("four", manyReplicas)},
	} {
		if each.into == &all.bulk && !batches {
			b.say("components/subscriptions.yaml has no bulkSubscribe: there is no bulk no-op to compare with")
			continue
		}
		s, err := each.start(ctx)
		if err != nil {
			return all, stop, err
		}
		*each.into = s
		started = append(started, s)
	}
	return all, stop, nil
}

// inTurns runs the scenarios in turn: in every second round in the reverse order, so
// that what changes on the machine in the course of time affects all alike.
func (b *bench) inTurns(ctx context.Context, list []*scenario) error {
	for round := -1; round < b.rounds; round++ {
		for i := range list {
			s := list[i]
			if round%2 != 0 {
				s = list[len(list)-1-i]
			}
			events := s.events
			if round < 0 { // everything is used once before it is measured
				events = min(events, 2000)
			}
			result, err := s.subscriber.deliver(ctx, newWorkload(events, s.user(round)))
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			if round >= 0 {
				s.results = append(s.results, result)
				b.say("round %d of %d  %-31s %s", round+1, b.rounds, s.name, result)
			}
		}
	}
	return nil
}
