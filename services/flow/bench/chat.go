package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"daca/services/internal/stack"
	"daca/services/local/repository"
)

const (
	clients   = 32
	chatUsers = 100
)

// chat measures what a message costs, and what it costs programs that only make the same
// calls.
func (b *bench) chat(ctx context.Context) ([]figure, error) {
	b.say("building the bare services")
	programs := filepath.Join(b.dir, "bare")
	err := repository.BuildServices(ctx, b.root, programs, "SERVICES=model flow/bench/bare/chat flow/bench/bare/analytics")
	if err != nil {
		return nil, err
	}
	b.say("starting the suite, and the bare services")
	s, err := b.startSuite(ctx, b.bin, "suite", "offline")
	if err != nil {
		return nil, err
	}
	defer b.end(ctx, &s.subscriber)
	bare, err := b.startSuite(ctx, programs, "bare", "offline")
	if err != nil {
		return nil, err
	}
	endBare := sync.OnceFunc(func() { b.end(ctx, &bare.subscriber) })
	defer endBare()
	costs, err := b.messages(ctx, s, bare)
	if err != nil {
		return nil, err
	}
	figures := costs.figures()
	compared, err := b.memoryToBare(s, bare)
	if err != nil {
		return nil, err
	}
	figures = append(figures, compared...)
	endBare() // or four sidecars would share their program
	memories, err := b.memories(s)
	if err != nil {
		return nil, err
	}
	figures = append(figures, memories...)
	starts, err := b.starts(ctx, s)
	return append(figures, starts...), err
}

// messageCosts has a value for each round. Times are ratios of medians at one client, the
// rest is CPU time of both services at many.
type messageCosts struct {
	sum, atOnce, bare sample // of the time of a message to what the name says
	work, bareWork    sample // of services to their sidecars
	workToBare        sample // of services to the bare ones
}

// messages sends messages to the suite and to the bare services, from one client in turn,
// and from many clients to the one and then to the other.
func (b *bench) messages(ctx context.Context, s, bare *suite) (costs messageCosts, err error) {
	begun := uuid.NewString()
	for _, each := range []*suite{s, bare} {
		if _, err := each.saturate(ctx, time.Second); err != nil {
			return costs, err
		}
		if err := each.sayIn(ctx, begun); err != nil { // alice has to be known, or asking for her fails
			return costs, err
		}
		if err := each.settle(ctx, map[string]int{"alice": 1}); err != nil {
			return costs, err
		}
	}
	raw, err := s.rawCallsLike(ctx, begun)
	if err != nil {
		return costs, err
	}
	for round := range b.rounds {
		whole, least := &call{send: s.sayIn}, &call{send: bare.sayIn}
		sum, atOnce := &call{send: raw.inSequence}, &call{send: raw.atOnce}
		if err := takeTurns(ctx, b.requests, whole, least, sum, atOnce); err != nil {
			return costs, err
		}
		for _, each := range []*suite{s, bare} {
			if err := each.settle(ctx, map[string]int{"alice": b.requests}); err != nil {
				return costs, err
			}
		}
		took := whole.took.median()
		costs.sum = append(costs.sum, took/sum.took.median())
		costs.atOnce = append(costs.atOnce, took/atOnce.took.median())
		costs.bare = append(costs.bare, took/least.took.median())
		b.say("round %d of %d  a message takes %.2f ms, its raw calls %.2f ms in sequence and %.2f ms at chat's times, "+
			"the bare services %.2f ms", round+1, b.rounds, took, sum.took.median(), atOnce.took.median(),
			least.took.median())
		work, toSidecars, err := b.underLoad(ctx, round, "suite", s)
		if err != nil {
			return costs, err
		}
		bareWork, bareToSidecars, err := b.underLoad(ctx, round, "bare", bare)
		if err != nil {
			return costs, err
		}
		costs.work = append(costs.work, toSidecars)
		costs.bareWork = append(costs.bareWork, bareToSidecars)
		costs.workToBare = append(costs.workToBare, work.Seconds()/bareWork.Seconds())
	}
	return costs, nil
}

// underLoad sends messages from many clients for the share of a round. It returns the CPU
// time of both services for a message, and its ratio to that of their sidecars.
func (b *bench) underLoad(ctx context.Context, round int, name string, s *suite) (time.Duration, float64, error) {
	loaded, err := s.saturate(ctx, b.load/time.Duration(b.rounds))
	if err != nil {
		return 0, 0, err
	}
	b.say("round %d of %d  %d clients, %-5s %s", round+1, b.rounds, clients, name,
		strings.Replace(loaded.String(), "events/s", "messages/s", 1))
	services := loaded.cpu["chat"] + loaded.cpu["analytics"]
	sidecars := loaded.cpu["chat's sidecar"] + loaded.cpu["analytics' sidecar"]
	return services, services.Seconds() / sidecars.Seconds(), nil
}

func (m messageCosts) figures() []figure {
	toSidecars := figure{"CPU of our two services ÷ CPU of their sidecars at 32 clients", 0, 0.35, 0.2, lower, ratio, nil}
	return []figure{
		figure{"chat request ÷ sum of its raw calls, p50 at one client", 0, 1.12, 1.06, lower, ratio, nil}.of(m.sum),
		figure{"chat request ÷ its raw calls at chat's times", 0, 0, 0, lower, ratio, nil}.of(m.atOnce),
		figure{"chat request ÷ one of the bare services", 0, 0, 0, lower, ratio, nil}.of(m.bare),
		toSidecars.of(m.work),
		figure{"CPU of the bare services ÷ CPU of their sidecars", 0, 0, 0, lower, ratio, nil}.of(m.bareWork),
		figure{"CPU of our two services ÷ CPU of the bare ones", 0, 0, 0, lower, ratio, nil}.of(m.workToBare),
	}
}

// memoryToBare compares the memory of each service with that of the bare one.
func (b *bench) memoryToBare(s, bare *suite) ([]figure, error) {
	var figures []figure
	for _, pair := range [][2]*stack.Service{{s.chat, bare.chat}, {s.analytics, bare.analytics}} {
		own, err := memory(pair[0].App, "Pss")
		if err != nil {
			return nil, err
		}
		least, err := memory(pair[1].App, "Pss")
		if err != nil {
			return nil, err
		}
		name := pair[0].App.Name()
		b.say("Pss: %s has %.1f MB, the bare one %.1f MB", name, own/1e6, least/1e6)
		f := figure{fmt.Sprintf("memory (PSS) of %s ÷ the bare one", name), 0, 0, 0, lower, ratio, nil}
		figures = append(figures, f.of(sample{own / least}))
	}
	return figures, nil
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
