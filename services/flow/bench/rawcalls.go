package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"daca/services/internal/contract"
)

// call is one of several that are measured in turn.
type call struct {
	send func(ctx context.Context, session string) error
	took sample // milliseconds
}

// takeTurns makes each of the calls so many times, each time for a new session and in
// another order.
func takeTurns(ctx context.Context, times int, calls ...*call) error {
	for range times {
		for _, i := range rand.Perm(len(calls)) {
			session := uuid.NewString()
			begin := time.Now()
			if err := calls[i].send(ctx, session); err != nil {
				return err
			}
			calls[i].took = append(calls[i].took, float64(time.Since(begin).Microseconds())/1000)
		}
	}
	return nil
}

// rawCalls makes the calls of a message without chat.
type rawCalls struct {
	suite *suite
	turn  []byte // what chat stores of a session with one turn
}

// rawCallsLike returns the calls that store what chat has stored of the session of alice.
func (s *suite) rawCallsLike(ctx context.Context, session string) (*rawCalls, error) {
	turn, err := get(ctx, s.web, s.stateURL()+"/"+url.PathEscape(contract.SessionKey("alice", session)))
	if err != nil {
		return nil, fmt.Errorf("reading what chat has stored of a session: %w", err)
	}
	return &rawCalls{suite: s, turn: turn}, nil
}

func (s *suite) stateURL() string { return s.chat.DaprURL + "/v1.0/state/" + contract.StateStore }

// atOnce makes the calls when chat makes them: it reads the session while it asks for the
// count, and writes it while it publishes.
func (r *rawCalls) atOnce(ctx context.Context, session string) error {
	return r.message(ctx, session, together)
}

// inSequence makes one call after the other, so that it takes as long as all of them.
func (r *rawCalls) inSequence(ctx context.Context, session string) error {
	return r.message(ctx, session, func(one, other func() error) error {
		if err := one(); err != nil {
			return err
		}
		return other()
	})
}

// message makes the calls of a message of a session that has no turns yet, some of them in
// pairs. The list of the user's sessions is left out, because the answer does not wait for
// it.
func (r *rawCalls) message(
	ctx context.Context, session string, pair func(one, other func() error) error,
) error {
	const prompt = `{"model":"offline","messages":[{"role":"user","content":"hello"}]}`
	s := r.suite
	if err := pair(
		func() error { return s.send(ctx, http.MethodGet, s.chat.InvokeURL(s.analytics, "analytics/alice"), "") },
		func() error { return s.send(ctx, http.MethodGet, s.stateURL()+"/raw-"+session, "") },
	); err != nil {
		return err
	}
	if err := s.send(ctx, http.MethodPost, s.model.URL+"/v1/chat/completions", prompt); err != nil {
		return err
	}
	return pair(
		func() error {
			return s.send(ctx, http.MethodPost, s.chat.DaprURL+"/v1.0/publish/pubsub/messages",
				`{"event_type":"MessageSent","user_id":"bob"}`)
		},
		func() error {
			return s.send(ctx, http.MethodPost, s.stateURL(), fmt.Sprintf(`[{"key":"raw-%s","value":%s,`+
				`"options":{"concurrency":"first-write","consistency":"strong"},`+
				`"metadata":{"ttlInSeconds":"2592001"}}]`, session, r.turn))
		},
	)
}

// together makes two calls at once.
func together(one, other func() error) error {
	var calls errgroup.Group
	calls.Go(one)
	calls.Go(other)
	return calls.Wait()
}
