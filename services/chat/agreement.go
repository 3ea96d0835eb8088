package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"daca/services/internal/state"
)

// claimLife is how long a claim is kept: longer than the counter remembers event ids.
const claimLife = 48 * time.Hour

// agreement makes the events of all requests with one Idempotency-Key the same event,
// whichever replicas they reach: what the first of them decides is kept in the state
// store, and the others take it over.
type agreement struct {
	store   state.Store
	budget  time.Duration
	failing atomic.Bool // whether the last attempt failed
}

// claim is the part of an event in which copies could differ. The state store keeps
// it:
//
//	{"id": "0f0bd9ec-8a3c-5a0e-8f5a-3c1d2b4e6f70", "time": "2026-01-02T12:00:00.123Z"}
type claim struct {
	ID   string    `json:"id"`
	Time time.Time `json:"time"`
}

// settle returns the claim that holds under the key: mine if it is the first one. An
// error means that this is not known.
func (a *agreement) settle(ctx context.Context, key string, mine claim) (holds claim, err error) {
	ctx, cancel := context.WithTimeout(ctx, a.budget)
	defer cancel()
	defer func() { a.failing.Store(err != nil) }()
	value, err := json.Marshal(mine)
	if err != nil {
		return claim{}, fmt.Errorf("encoding a claim: %w", err)
	}
	createErr := a.store.Put(ctx, state.Put{Key: key, Value: value, TTL: claimLife})
	if createErr == nil {
		return mine, nil
	}
	found, err := a.store.Get(ctx, key)
	if err != nil {
		return claim{}, errors.Join(createErr, err)
	}
	if len(found[0].Value) == 0 {
		return claim{}, createErr
	}
	if err := json.Unmarshal(found[0].Value, &holds); err != nil || holds.ID == "" || holds.Time.IsZero() {
		return mine, nil // a value that is no claim decides nothing, and waiting would not mend it
	}
	return holds, nil
}

// settleRecord gives the event of the record the id and the time that hold.
func (a *agreement) settleRecord(ctx context.Context, r *record) error {
	var event map[string]json.RawMessage
	if err := json.Unmarshal(r.Event, &event); err != nil {
		return fmt.Errorf("decoding an event: %w", err)
	}
	var mine claim
	if err := json.Unmarshal(r.Event, &mine); err != nil {
		return fmt.Errorf("decoding id and time of an event: %w", err)
	}
	holds, err := a.settle(ctx, r.Claim, mine)
	if err != nil {
		return err
	}
	encoded, err := json.Marshal(holds)
	if err != nil {
		return fmt.Errorf("encoding a claim: %w", err)
	}
	if err := json.Unmarshal(encoded, &event); err != nil { // replaces both
		return fmt.Errorf("changing id and time of an event: %w", err)
	}
	if r.Event, err = json.Marshal(event); err != nil {
		return fmt.Errorf("encoding an event: %w", err)
	}
	r.Claim = ""
	return nil
}
