package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/google/uuid"

	"daca/services/internal/contract"
)

// oneClient sends messages, each in a session of its own, and in turn the calls of which
// such a message consists. It returns how many milliseconds each takes.
func (s *suite) oneClient(ctx context.Context, requests int) (whole, parts sample, err error) {
	begun := uuid.NewString()
	if err := s.sayIn(ctx, begun); err != nil { // alice has to be known, or asking for her fails
		return nil, nil, err
	}
	if err := s.settle(ctx, map[string]int{"alice": 1}); err != nil {
		return nil, nil, err
	}
	raw, err := s.rawCallsLike(ctx, begun)
	if err != nil {
		return nil, nil, err
	}
	for i := range requests {
		order := []struct {
			send func(ctx context.Context, session string) error
			into *sample
		}{{raw.message, &parts}, {s.sayIn, &whole}}
		if i%2 == 1 {
			order[0], order[1] = order[1], order[0]
		}
		for _, one := range order {
			session := uuid.NewString()
			begin := time.Now()
			if err := one.send(ctx, session); err != nil {
				return nil, nil, err
			}
			*one.into = append(*one.into, float64(time.Since(begin).Microseconds())/1000)
		}
	}
	return whole, parts, s.settle(ctx, map[string]int{"alice": requests})
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

// message makes the calls of a message of a session that has no turns yet. As chat does,
// it reads the session while it asks for the count, and writes it while it publishes. The
// list of the user's sessions is left out, because the answer does not wait for it.
func (r *rawCalls) message(ctx context.Context, session string) error {
	const prompt = `{"model":"offline","messages":[{"role":"user","content":"hello"}]}`
	s := r.suite
	if err := together(
		func() error { return s.send(ctx, http.MethodGet, s.chat.InvokeURL(s.analytics, "analytics/alice"), "") },
		func() error { return s.send(ctx, http.MethodGet, s.stateURL()+"/raw-"+session, "") },
	); err != nil {
		return err
	}
	if err := s.send(ctx, http.MethodPost, s.model.URL+"/v1/chat/completions", prompt); err != nil {
		return err
	}
	return together(
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
	var failed error
	var calling sync.WaitGroup
	calling.Go(func() { failed = one() })
	err := other()
	calling.Wait()
	return errors.Join(failed, err)
}
