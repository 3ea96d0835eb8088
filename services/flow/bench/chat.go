package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"daca/services/internal/stack"
)

const (
	clients   = 32
	chatUsers = 100
)

// chat measures what a message costs.
func (b *bench) chat(ctx context.Context) ([]figure, error) {
	b.say("starting the suite")
	s, err := b.startSuite(ctx, "suite", "offline")
	if err != nil {
		return nil, err
	}
	defer b.end(ctx, &s.subscriber)
	if _, err := s.saturate(ctx, time.Second); err != nil {
		return nil, err
	}
	var latency, work sample
	for round := range b.rounds {
		whole, parts, err := s.oneClient(ctx, b.requests)
		if err != nil {
			return nil, err
		}
		latency = append(latency, whole.median()/parts.median())
		b.say("round %d of %d  a message takes %.2f ms, its raw calls take %.2f ms", round+1, b.rounds,
			whole.median(), parts.median())
		loaded, err := s.saturate(ctx, b.load/time.Duration(b.rounds))
		if err != nil {
			return nil, err
		}
		services := loaded.cpu["chat"] + loaded.cpu["analytics"]
		sidecars := loaded.cpu["chat's sidecar"] + loaded.cpu["analytics' sidecar"]
		work = append(work, services.Seconds()/sidecars.Seconds())
		b.say("round %d of %d  32 clients: %s", round+1, b.rounds,
			strings.Replace(loaded.String(), "events/s", "messages/s", 1))
	}
	figures := []figure{
		figure{"chat request ÷ sum of its raw calls, p50 at one client", 0, 1.12, 1.06, lower, ratio, nil}.of(latency),
		figure{"CPU of our two services ÷ CPU of their sidecars at 32 clients", 0, 0.35, 0.2, lower, ratio, nil}.of(work),
	}
	memories, err := b.memories(s)
	if err != nil {
		return nil, err
	}
	figures = append(figures, memories...)
	starts, err := b.starts(ctx, s)
	return append(figures, starts...), err
}

// end stops what was measured.
func (b *bench) end(ctx context.Context, s *subscriber) {
	if err := s.stop(ctx); err != nil {
		b.say("%s: %v", s.name, err)
	}
}

// memories compares each service with its sidecar.
func (b *bench) memories(s *suite) ([]figure, error) {
	var figures []figure
	for _, service := range []*stack.Service{s.chat, s.analytics} {
		ratios := map[string]float64{}
		for _, kind := range []string{"Rss", "Pss", "Anonymous"} {
			own, err := memory(service.App, kind)
			if err != nil {
				return nil, err
			}
			other, err := memory(service.Sidecar, kind)
			if err != nil {
				return nil, err
			}
			ratios[kind] = own / other
			b.say("%s: %s has %.1f MB, its sidecar %.1f MB", kind, service.App.Name(), own/1e6, other/1e6)
		}
		name := fmt.Sprintf("memory (PSS) of %s ÷ its daprd after %s of load", service.App.Name(), b.load)
		figures = append(figures, figure{name, 0, 0.3, 0.2, lower, ratio, nil}.of(sample{ratios["Pss"]}))
	}
	return figures, nil
}

// saturate sends messages from many clients at once. It returns messages a second, and
// the CPU time of a message, its count included.
func (s *suite) saturate(ctx context.Context, long time.Duration) (delivered, error) {
	before, err := cpu(s.parts)
	if err != nil {
		return delivered{}, err
	}
	answered := make([]atomic.Int64, chatUsers)
	begin := time.Now()
	errs := make([]error, clients)
	var sending sync.WaitGroup
	for client := range clients {
		sending.Go(func() {
			for i := client; errs[client] == nil && time.Since(begin) < long; i += clients {
				if errs[client] = s.say(ctx, chatUser(i%chatUsers)); errs[client] == nil {
					answered[i%chatUsers].Add(1)
				}
			}
		})
	}
	sending.Wait()
	took := time.Since(begin)
	if err := first(errs); err != nil {
		return delivered{}, fmt.Errorf("sending messages: %w", err)
	}
	counts := map[string]int{}
	total := 0
	for i := range answered {
		if n := int(answered[i].Load()); n > 0 { // on a busy machine some have had no turn yet, and are not known
			counts[chatUser(i)] = n
			total += n
		}
	}
	if err := s.settle(ctx, counts); err != nil {
		return delivered{}, err
	}
	after, err := cpu(s.parts)
	if err != nil {
		return delivered{}, err
	}
	result := delivered{rate: float64(total) / took.Seconds(), cpu: after.since(before)}
	for name := range result.cpu {
		result.cpu[name] /= time.Duration(total)
	}
	return result, nil
}
