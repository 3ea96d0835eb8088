package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	turnsBefore = 20 // of the session that is measured
	streams     = 16 // at once
	// slowModel takes five seconds for its words when it streams them.
	slowModel = "offline?words=200&delay=25ms"
)

// conversations measures what it costs to remember what was said, and to stream an answer
// that can be followed on every replica.
func (b *bench) conversations(ctx context.Context) ([]figure, error) {
	history, err := b.history(ctx)
	if err != nil {
		return nil, err
	}
	streaming, err := b.streaming(ctx)
	return append(history, streaming...), err
}

// history compares messages of a session with turns before them with the first messages
// of new sessions.
func (b *bench) history(ctx context.Context) ([]figure, error) {
	b.say("starting the suite: sessions")
	s, err := b.startSuite(ctx, b.bin, "sessions", "offline")
	if err != nil {
		return nil, err
	}
	defer b.end(ctx, &s.subscriber)
	var latency sample
	sent := 0
	for round := range b.rounds {
		session := fmt.Sprint("session-", round)
		for range turnsBefore {
			if err := s.sayIn(ctx, session); err != nil {
				return nil, err
			}
		}
		sent += turnsBefore
		with := &call{send: func(ctx context.Context, _ string) error { return s.sayIn(ctx, session) }}
		without := &call{send: s.sayIn}
		if err := takeTurns(ctx, b.requests, with, without); err != nil {
			return nil, err
		}
		sent += 2 * b.requests
		latency = append(latency, with.took.median()/without.took.median())
		b.say("round %d of %d  a message takes %.2f ms in a session of %d turns and more, %.2f ms in a new one",
			round+1, b.rounds, with.took.median(), turnsBefore, without.took.median())
	}
	if err := s.settle(ctx, map[string]int{"alice": sent}); err != nil {
		return nil, err
	}
	const name = "message of a session with 20 turns and more ÷ one of a new session, p50 at one client"
	return []figure{figure{name, 0, 1.5, 1.2, lower, ratio, nil}.of(latency)}, nil
}

// streaming compares answers that are streamed, over five seconds each, with the same
// answers when they are not.
func (b *bench) streaming(ctx context.Context) ([]figure, error) {
	b.say("starting the suite: streams")
	s, err := b.startSuite(ctx, b.bin, "streams", slowModel)
	if err != nil {
		return nil, err
	}
	defer b.end(ctx, &s.subscriber)
	var work, calls sample
	for round := range b.rounds {
		plain, err := s.answers(ctx, "/chat/")
		if err != nil {
			return nil, err
		}
		before, err := s.metric(ctx, "daca_run_state_calls_total{")
		if err != nil {
			return nil, err
		}
		streamed, err := s.answers(ctx, "/chat/stream")
		if err != nil {
			return nil, err
		}
		after, err := s.metric(ctx, "daca_run_state_calls_total{")
		if err != nil {
			return nil, err
		}
		work = append(work, streamed.Seconds()/plain.Seconds())
		calls = append(calls, (after-before)/streams)
		b.say("round %d of %d  an answer costs %.1f ms of CPU, streamed over 5 s %.1f ms and %.0f calls of the store",
			round+1, b.rounds, 1000*plain.Seconds(), 1000*streamed.Seconds(), (after-before)/streams)
	}
	if err := s.settle(ctx, map[string]int{"alice": 2 * streams * b.rounds}); err != nil {
		return nil, err
	}
	return []figure{
		figure{"CPU of an answer streamed over 5 s ÷ not streamed", 0, 40, 20, lower, ratio, nil}.of(work),
		figure{"calls of the state store for an answer streamed over 5 s", 0, 80, 40, lower, "calls", nil}.of(calls),
	}, nil
}

// answers asks for many answers at once, and returns the CPU time of one.
func (s *suite) answers(ctx context.Context, path string) (time.Duration, error) {
	before, err := cpu(s.parts)
	if err != nil {
		return 0, err
	}
	errs := make([]error, streams)
	var asking sync.WaitGroup
	for client := range streams {
		asking.Go(func() {
			errs[client] = s.send(ctx, http.MethodPost, s.chat.URL+path, `{"user_id":"alice","text":"hello"}`)
		})
	}
	asking.Wait()
	if err := first(errs); err != nil {
		return 0, fmt.Errorf("asking for answers: %w", err)
	}
	after, err := cpu(s.parts)
	if err != nil {
		return 0, err
	}
	spent := after.since(before)
	return (spent["chat"] + spent["chat's sidecar"] + spent["redis"]) / streams, nil
}

// sayIn sends a message of a session, or of a new one.
func (s *suite) sayIn(ctx context.Context, session string) error {
	body := `{"user_id":"alice","text":"hello"}`
	if session != "" {
		body = fmt.Sprintf(`{"user_id":"alice","text":"hello","metadata":{"session_id":%q}}`, session)
	}
	return s.send(ctx, http.MethodPost, s.chat.URL+"/chat/", body)
}

// metric adds up the values of chat's metrics whose lines begin with the prefix.
func (s *suite) metric(ctx context.Context, prefix string) (sum float64, err error) {
	text, err := get(ctx, s.web, s.chat.URL+"/metrics")
	if err != nil {
		return 0, fmt.Errorf("reading the metrics of chat: %w", err)
	}
	return sumMetric(string(text), prefix)
}
