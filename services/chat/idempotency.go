package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"daca/services/internal/contract"
	"daca/services/internal/state"
)

// keyed is what the state store keeps under the key of a request, see contract.IdempotencyKey. The first
// request with the key decides all of it. The answer is added when its run has ended:
//
//	{
//	  "id": "0f0bd9ec-8a3c-5a0e-8f5a-3c1d2b4e6f70", "time": "2026-01-02T12:00:00.123Z",
//	  "digest": "9f86d081…", "session_id": "s-1", "run_id": "5f0c…", "begun": "2026-01-02T12:00:00Z",
//	  "answer": {"user_id": "alice", "reply": "Hello!", "metadata": {…}, "run_id": "5f0c…", "usage": {…}}
//	}
//
// A claim alone is that of an event which was spooled: the store was away when the message
// was answered.
type keyed struct {
	claim

	Digest    string          `json:"digest,omitempty"`     // see chatInput.digest
	SessionID string          `json:"session_id,omitempty"` // of the answer
	RunID     string          `json:"run_id,omitempty"`     // of the run that answers
	Begun     time.Time       `json:"begun,omitzero"`       // when that was about to start
	Answer    json.RawMessage `json:"answer,omitempty"`     // a messageData
}

// decodeKeyed returns nil for a value that decides nothing.
func decodeKeyed(value []byte) *keyed {
	k := &keyed{}
	if json.Unmarshal(value, k) != nil || k.ID == "" || k.Time.IsZero() {
		return nil
	}
	return k
}

// digest identifies what the message says. Another text under the same key is a mistake
// of the client.
func (in *chatInput) digest() (string, error) {
	said := struct {
		UserID    contract.UserID
		Text      string
		SessionID string
		Tags      []json.RawMessage
		Replaces  string `json:",omitempty"` // so that digests of earlier versions hold
	}{UserID: in.Body.UserID, Text: in.Body.Text, Tags: in.Body.Tags.items, Replaces: in.Body.Replaces}
	if in.Body.Metadata != nil {
		said.SessionID = in.Body.Metadata.SessionID
	}
	encoded, err := json.Marshal(said)
	if err != nil {
		return "", fmt.Errorf("encoding a message: %w", err)
	}
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:]), nil
}

// keys keeps what the requests with an Idempotency-Key led to.
type keys struct {
	store  state.Store
	budget time.Duration
}

var (
	errKeysAway  = errors.New("the state store does not tell what was answered before")
	errOtherBody = errors.New("the key was used for another message")
)

// claim returns what holds under the key, which is mine if it is the first, or if the run
// that held has led to nothing. Where it would be mine it fails with refused, unless that is
// nil. It also fails with errOtherBody, with errKeysAway, and with the errors of ledToNothing.
func (k *keys) claim(
	ctx context.Context, key string, mine keyed, refused error, ledToNothing func(keyed) (bool, error),
) (*keyed, error) {
	ctx, cancel := context.WithTimeout(ctx, k.budget)
	defer cancel()
	var refusal error
	value, err := state.Update(ctx, k.store, key, claimLife, func(value []byte) ([]byte, error) {
		holds := decodeKeyed(value)
		switch {
		case holds == nil:
			if refusal = refused; refusal != nil {
				return nil, refusal
			}
			return json.Marshal(mine)
		case holds.RunID == mine.RunID: // the last try was written after all
			return nil, state.ErrKeep
		case holds.Digest == "": // it is the claim of an event
		case holds.Digest != mine.Digest:
			refusal = errOtherBody
			return nil, refusal
		case holds.Answer != nil:
			return nil, state.ErrKeep
		default:
			var nothing bool
			if nothing, refusal = ledToNothing(*holds); refusal != nil {
				return nil, refusal
			}
			if !nothing {
				return nil, state.ErrKeep
			}
		}
		if refusal = refused; refusal != nil {
			return nil, refusal
		}
		next := mine
		next.claim = holds.claim // all answers are one message
		if holds.SessionID != "" {
			next.SessionID = holds.SessionID
		}
		return json.Marshal(next)
	})
	if refusal != nil {
		return nil, refusal
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errKeysAway, err)
	}
	return decodeKeyed(value), nil
}

// answered adds the answer of a run.
func (k *keys) answered(ctx context.Context, key, runID string, answer json.RawMessage) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), k.budget)
	defer cancel()
	_, err := state.Update(ctx, k.store, key, claimLife, func(value []byte) ([]byte, error) {
		holds := decodeKeyed(value)
		if holds == nil || holds.RunID != runID || holds.Answer != nil {
			return nil, state.ErrKeep
		}
		holds.Answer = answer
		return json.Marshal(holds)
	})
	if err != nil {
		return fmt.Errorf("keeping the answer of run %s: %w", runID, err)
	}
	return nil
}
