package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"daca/services/internal/contract"
)

const (
	loneEvents = 150                   // of each user in a round
	loneGap    = 10 * time.Millisecond // between them
	lookEvery  = 250 * time.Microsecond
)

// depth measures what a lone event costs, by how many events of its user are in the
// window, and how long it takes from publishing to the count.
func (b *bench) depth(ctx context.Context, s *subscriber) ([]figure, error) {
	before := []int{1, 1000, b.deep}
	for _, n := range before[1:] {
		b.say("a user with %d events", n)
		if _, err := s.deliver(ctx, newWorkload(withCopies(n), always(fmt.Sprint("depth-", n)))); err != nil {
			return nil, err
		}
	}
	costs := make([]sample, len(before))
	var latencies, ratios sample
	for round := range b.rounds {
		users := []string{fmt.Sprint("depth-1-", round), "depth-1000", fmt.Sprint("depth-", b.deep)}
		if _, err := s.lone(ctx, users[0], 1, 0); err != nil { // the one that she has before
			return nil, err
		}
		idle, err := s.idle(ctx)
		if err != nil {
			return nil, err
		}
		order := []int{0, 1, 2}
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, i := range order {
			cost, err := s.lone(ctx, users[i], loneEvents, idle)
			if err != nil {
				return nil, err
			}
			costs[i] = append(costs[i], cost.Seconds())
		}
		latency, err := s.latency(ctx, users[0])
		if err != nil {
			return nil, err
		}
		latencies = append(latencies, latency.median())
		last := []float64{costs[0][round], costs[1][round], costs[2][round]}
		ratios = append(ratios, slices.Max(last)/slices.Min(last))
		b.say("round %d of %d  a lone event at %d events of its user: %.2f, %.2f, %.2f ms of CPU; counted after %.1f ms",
			round+1, b.rounds, before, 1000*last[0], 1000*last[1], 1000*last[2], latencies[round])
	}
	medians := []float64{costs[0].median(), costs[1].median(), costs[2].median()}
	cost := figure{
		Figure: fmt.Sprintf("cost of an event at 1, 1,000, %d events of its user, largest ÷ smallest", b.deep),
		Floor:  1.5, Aim: 1.1, Better: lower, Unit: ratio,
		Value: slices.Max(medians) / slices.Min(medians), spread: ratios,
	}
	return []figure{
		cost,
		figure{"from publishing a lone event to its count, p50", 0, 15, 15, lower, "ms", nil}.of(latencies),
	}, nil
}

// idle returns the CPU time that the subscriber uses in a second without events.
func (s *subscriber) idle(ctx context.Context) (time.Duration, error) {
	const long = 2 * time.Second
	before, err := cpu(s.parts)
	if err != nil {
		return 0, err
	}
	if err := pause(ctx, long); err != nil {
		return 0, err
	}
	after, err := cpu(s.parts)
	return after.since(before).total() / (long / time.Second), err
}

// lone publishes n events of the user one by one. It returns the CPU time of an event
// in all parts, without the time that they use when idle.
func (s *subscriber) lone(ctx context.Context, user string, n int, idle time.Duration) (time.Duration, error) {
	w := newWorkload(n, always(user))
	base, err := s.acknowledged(ctx)
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	before, err := cpu(s.parts)
	if err != nil {
		return 0, err
	}
	for _, event := range w.events {
		args := redis.XAddArgs{Stream: contract.TopicMessages, Values: []any{"data", event}}
		if err := s.client.XAdd(ctx, &args).Err(); err != nil {
			return 0, fmt.Errorf("publishing: %w", err)
		}
		if err := pause(ctx, loneGap); err != nil {
			return 0, err
		}
	}
	end, err := s.reach(ctx, base+int64(n))
	if err != nil {
		return 0, err
	}
	spent := end.used.since(before).total() - time.Duration(float64(idle)*end.at.Sub(begin).Seconds())
	return spent / time.Duration(n), s.verify(ctx, w.counts)
}

// latency publishes events of the user one by one through the sidecar, and returns how
// many milliseconds pass until each is acknowledged, which is after it was counted.
func (s *subscriber) latency(ctx context.Context, user string) (sample, error) {
	const events = 50
	address := s.services[0].DaprURL + "/v1.0/publish/" + contract.PubSub + "/" + contract.TopicMessages
	var passed sample
	w := newWorkload(events, always(user))
	for _, event := range w.events {
		base, err := s.acknowledged(ctx)
		if err != nil {
			return nil, err
		}
		begin := time.Now()
		if err := s.post(ctx, address, "application/cloudevents+json", event); err != nil {
			return nil, err
		}
		for acknowledged := base; acknowledged == base; {
			if err := pause(ctx, lookEvery); err != nil {
				return nil, err
			}
			if acknowledged, err = s.acknowledged(ctx); err != nil {
				return nil, err
			}
			if time.Since(begin) > drainTimeout {
				return nil, fmt.Errorf("a lone event was not counted within %s", drainTimeout)
			}
		}
		passed = append(passed, float64(time.Since(begin).Microseconds())/1000)
	}
	return passed, s.verify(ctx, w.counts)
}
