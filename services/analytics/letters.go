package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"daca/services/internal/contract"
)

// Limits of the dead letters, well below what Dapr's gRPC API carries (4 MiB).
const (
	maxLetters     = 1000
	maxLetterBytes = 256 << 10 // of one event
	maxTotalBytes  = 2 << 20   // of all events
	maxTopicBytes  = 256
)

// letter is one event that could not be handled. The list of them is the value
// under contract.DeadLettersKey, and the answer of GET /deadletters:
//
//	[{
//	  "id": "1d51e41f6bd8ae0d",
//	  "topic": "messages",
//	  "received_at": "2026-01-02T12:00:00Z",
//	  "reason": "data: event_type is \"Other\"; expected \"MessageSent\"",
//	  "size": 172,
//	  "event": {"specversion": "1.0", "id": "1", "source": "chat-service", …}
//	}]
type letter struct {
	ID         string          `json:"id" doc:"Digest of the event: copies of it are one letter."`
	Topic      string          `json:"topic" doc:"Where the event had been published; empty if that cannot be told."`
	ReceivedAt time.Time       `json:"received_at"`
	Reason     string          `json:"reason" doc:"What is wrong with the event, or that nothing is: then handling it failed too often."`
	Size       int             `json:"size" doc:"Of the event, in bytes."`
	Event      json.RawMessage `json:"event,omitempty" doc:"The event, if it is JSON and not too large."`
	Raw        []byte          `json:"raw,omitempty" doc:"The event in base64, if it is not JSON and not too large."`
	Replay     string          `json:"replay,omitempty" doc:"Set while the event is being published again."`
}

// describe returns the letter of an event that was published.
func describe(published []byte, now time.Time) letter {
	sum := sha256.Sum256(published)
	l := letter{ID: hex.EncodeToString(sum[:8]), ReceivedAt: now.UTC().Truncate(time.Second), Size: len(published)}
	switch fits := len(published) <= maxLetterBytes; {
	case !json.Valid(published):
		l.Reason = "not valid JSON"
		if fits {
			l.Raw = published
		}
		return l
	case fits:
		l.Event = published
	}
	var origin struct {
		Topic string `json:"topic"`
	}
	if json.Unmarshal(published, &origin) == nil {
		l.Topic = contract.Shorten(origin.Topic, maxTopicBytes)
	}
	want := contract.MessageSent
	if l.Topic == contract.TopicUsers {
		want = contract.UserRegistered
	}
	l.Reason = "nothing is wrong with the event itself: " +
		"handling it failed too often, or it is older than the event ids that are remembered"
	if _, err := contract.DecodeCloudEvent(published, want); err != nil {
		l.Reason = err.Error()
	}
	return l
}

var (
	errNoLetter = errors.New("no such dead letter")
	errNoReplay = errors.New("the dead letter cannot be replayed")
)

// letterBox keeps the letters as one document of the state store.
type letterBox struct {
	store  store
	budget time.Duration // for one change

	mu sync.Mutex // one change at a time in this process, so that they do not conflict
}

// keep adds the letter and reports whether it is in the list: there may be too
// many already. A copy of a letter adds nothing.
func (b *letterBox) keep(ctx context.Context, arrived letter) (listed bool, err error) {
	err = b.update(ctx, func(letters []letter) ([]letter, error) {
		listed = true
		if i := indexOf(letters, arrived.ID); i >= 0 {
			letters[i].Replay = "" // if it was replayed, it has come back
			return letters, nil
		}
		total := len(arrived.Event) + len(arrived.Raw)
		for _, l := range letters {
			total += len(l.Event) + len(l.Raw)
		}
		listed = len(letters) < maxLetters && total <= maxTotalBytes
		if listed {
			letters = append(letters, arrived)
		}
		return letters, nil
	})
	return listed, err
}

// beginReplay marks the letter with the token and returns it. It fails with
// errNoLetter or, if the event cannot be published again, with errNoReplay.
func (b *letterBox) beginReplay(ctx context.Context, id, token string) (found letter, err error) {
	err = b.update(ctx, func(letters []letter) ([]letter, error) {
		i := indexOf(letters, id)
		if i < 0 {
			return nil, backoff.Permanent(errNoLetter)
		}
		letters[i].Replay = token
		found = letters[i]
		if found.Event == nil || found.Topic != contract.TopicMessages && found.Topic != contract.TopicUsers {
			return nil, backoff.Permanent(errNoReplay)
		}
		return letters, nil
	})
	return found, err
}

// endReplay removes the letter if it still has the token. It succeeds as well if
// the letter is gone, or stays because it has come back.
func (b *letterBox) endReplay(ctx context.Context, id, token string) error {
	return b.update(ctx, func(letters []letter) ([]letter, error) {
		return slices.DeleteFunc(letters, func(l letter) bool { return l.ID == id && l.Replay == token }), nil
	})
}

// remove removes the letter. It fails with errNoLetter if there was none.
func (b *letterBox) remove(ctx context.Context, id string) error {
	found := false // by this attempt, or by an earlier one that was written although it returned an error
	return b.update(ctx, func(letters []letter) ([]letter, error) {
		if i := indexOf(letters, id); i >= 0 {
			found = true
			return slices.Delete(letters, i, i+1), nil
		}
		if !found {
			return nil, backoff.Permanent(errNoLetter)
		}
		return letters, nil
	})
}

func indexOf(letters []letter, id string) int {
	return slices.IndexFunc(letters, func(l letter) bool { return l.ID == id })
}

// update replaces the letters by what change returns, within the budget. After
// an error of the store it reads and changes again: change must be idempotent.
func (b *letterBox) update(ctx context.Context, change func([]letter) ([]letter, error)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), b.budget)
	defer cancel()
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		letters, etag, err := b.read(ctx)
		if err != nil {
			return struct{}{}, err
		}
		letters, err = change(letters)
		if err != nil {
			return struct{}{}, err
		}
		value, err := json.Marshal(letters)
		if err != nil {
			return struct{}{}, backoff.Permanent(fmt.Errorf("encoding the dead letters: %w", err))
		}
		return struct{}{}, b.store.Put(ctx, contract.DeadLettersKey, value, etag)
	}, backoff.WithMaxElapsedTime(b.budget))
	return err
}

// read returns the letters and their ETag; without any, both are empty.
func (b *letterBox) read(ctx context.Context) ([]letter, string, error) {
	value, etag, err := b.store.Get(ctx, contract.DeadLettersKey)
	if err != nil || len(value) == 0 {
		return nil, "", err
	}
	var letters []letter
	if err := json.Unmarshal(value, &letters); err != nil {
		return nil, "", backoff.Permanent(fmt.Errorf("decoding the dead letters: %w", err))
	}
	return letters, etag, nil
}
