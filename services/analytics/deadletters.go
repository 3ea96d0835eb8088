package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"daca/services/internal/contract"
	"daca/services/internal/serve"
)

// Bounds of the dead letters, well below what Dapr's gRPC API carries (4 MiB).
const (
	maxLetters     = 1000
	maxLetterBytes = 1 << 20
)

// deadLetters keeps the events that could not be handled, so that somebody can
// look at them and publish them again. They are one document of the state
// store, changed by compare-and-swap like the counts.
type deadLetters struct {
	store  store
	broker broker
	budget time.Duration
	logger *slog.Logger
	kept   prometheus.Counter

	mu sync.Mutex // one change at a time in this process, for the sake of retries
}

// broker publishes an encoded CloudEvent, see sidecar.
type broker interface {
	Publish(ctx context.Context, topic string, event []byte) error
}

// letter is one event that could not be handled.
type letter struct {
	ID         string          `json:"id" doc:"Digest of the event: copies of it are one letter."`
	Topic      string          `json:"topic" doc:"Where the event had been published; empty if that cannot be told."`
	ReceivedAt time.Time       `json:"received_at"`
	Reason     string          `json:"reason" doc:"What is wrong with the event, or that nothing is: then handling it failed too often."`
	Event      json.RawMessage `json:"event,omitempty" doc:"The event, if it is JSON."`
	Raw        []byte          `json:"raw,omitempty" doc:"The event in base64, if it is not JSON."`
}

func newDeadLetters(s store, b broker, budget time.Duration, logger *slog.Logger, metrics prometheus.Registerer) *deadLetters {
	return &deadLetters{store: s, broker: b, budget: budget, logger: logger,
		kept: promauto.With(metrics).NewCounter(prometheus.CounterOpts{Name: "daca_dead_letters_total", Help: "Events that arrived on the dead-letter topic."})}
}

// receive keeps a letter. Its subscription delivers raw payloads, so that even
// what is no CloudEvent arrives: as the binary data of an envelope.
func (l *deadLetters) receive(ctx context.Context, in *eventInput) (*eventOutput, error) {
	var envelope event.Event
	if err := json.Unmarshal(in.RawBody, &envelope); err != nil || len(envelope.Data()) == 0 {
		return nil, serve.Unprocessable("value_error", "not a CloudEvent with data, as Dapr delivers raw payloads", string(in.RawBody), "body")
	}
	arrived := describe(envelope.Data(), time.Now())
	err := l.update(ctx, func(letters []letter) ([]letter, error) {
		size := len(arrived.Event) + len(arrived.Raw)
		for _, old := range letters {
			if old.ID == arrived.ID {
				return letters, nil
			}
			size += len(old.Event) + len(old.Raw)
		}
		if len(letters) >= maxLetters || size > maxLetterBytes {
			return nil, backoff.Permanent(errors.New("there are too many dead letters; replay or delete some"))
		}
		return append(letters, arrived), nil
	})
	if err != nil {
		l.logger.ErrorContext(ctx, "keeping a dead letter failed; it stays in the topic's stream", "id", arrived.ID, "error", err)
		return status(statusRetry, err.Error()), nil
	}
	l.kept.Inc()
	l.logger.ErrorContext(ctx, "an event could not be handled: see /deadletters", "id", arrived.ID, "topic", arrived.Topic, "reason", arrived.Reason)
	return status(statusSuccess, ""), nil
}

// describe makes a letter of what was published.
func describe(published []byte, now time.Time) letter {
	sum := sha256.Sum256(published)
	l := letter{ID: hex.EncodeToString(sum[:8]), ReceivedAt: now.UTC().Truncate(time.Second)}
	if !json.Valid(published) {
		l.Raw, l.Reason = published, "not valid JSON"
		return l
	}
	l.Event = published
	var origin struct {
		Topic string `json:"topic"`
	}
	if json.Unmarshal(published, &origin) == nil {
		l.Topic = origin.Topic
	}
	want := contract.MessageSent
	if l.Topic == contract.TopicUsers {
		want = contract.UserRegistered
	}
	l.Reason = "nothing is wrong with the event itself: handling it failed too often, or it is older than the event ids that are remembered"
	if _, err := contract.DecodeCloudEvent(published, want); err != nil {
		l.Reason = err.Error()
	}
	return l
}

type lettersOutput struct {
	Body struct {
		DeadLetters []letter `json:"deadletters"`
	}
}

func (l *deadLetters) list(ctx context.Context, _ *struct{}) (*lettersOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	letters, _, err := l.read(ctx)
	if err != nil {
		return nil, l.fail(ctx, "listing the dead letters", err)
	}
	out := &lettersOutput{}
	out.Body.DeadLetters = append([]letter{}, letters...)
	return out, nil
}

type letterPath struct {
	ID string `path:"id" maxLength:"64"`
}

type letterOutput struct {
	Body struct {
		Status string `json:"status" enum:"replayed,deleted"`
		ID     string `json:"id"`
	}
}

// replay publishes the event to its topic and then forgets the letter. A copy
// that results from a failure in between is counted once, like any copy.
func (l *deadLetters) replay(ctx context.Context, in *letterPath) (*letterOutput, error) {
	letters, _, err := l.read(ctx)
	if err != nil {
		return nil, l.fail(ctx, "reading the dead letters", err)
	}
	for _, found := range letters {
		if found.ID != in.ID {
			continue
		}
		if found.Topic != contract.TopicMessages && found.Topic != contract.TopicUsers {
			return nil, serve.NewError(http.StatusConflict, "The event names no topic of this service and cannot be replayed: "+found.Reason)
		}
		if err := l.broker.Publish(ctx, found.Topic, found.Event); err != nil {
			return nil, l.fail(ctx, "replaying a dead letter", err)
		}
		return l.forget(ctx, in.ID, "replayed")
	}
	return nil, serve.NewError(http.StatusNotFound, "Dead letter not found")
}

func (l *deadLetters) remove(ctx context.Context, in *letterPath) (*letterOutput, error) {
	return l.forget(ctx, in.ID, "deleted")
}

var errNoLetter = errors.New("no such dead letter")

func (l *deadLetters) forget(ctx context.Context, id, outcome string) (*letterOutput, error) {
	seen := false // by an earlier try, whose write was made although it failed
	err := l.update(ctx, func(letters []letter) ([]letter, error) {
		for i, found := range letters {
			if found.ID == id {
				seen = true
				return append(letters[:i:i], letters[i+1:]...), nil
			}
		}
		if seen {
			return letters, nil
		}
		return nil, backoff.Permanent(errNoLetter)
	})
	switch {
	case errors.Is(err, errNoLetter):
		return nil, serve.NewError(http.StatusNotFound, "Dead letter not found")
	case err != nil:
		return nil, l.fail(ctx, "forgetting a dead letter", err)
	}
	l.logger.InfoContext(ctx, "dead letter "+outcome, "id", id)
	out := &letterOutput{}
	out.Body.Status, out.Body.ID = outcome, id
	return out, nil
}

func (l *deadLetters) fail(ctx context.Context, doing string, err error) error {
	l.logger.ErrorContext(ctx, doing+" failed", "error", err)
	return unavailable(fmt.Sprintf("%s failed: %s or %s is unavailable. Try again later.", doing, contract.StateStore, contract.PubSub))
}

// update replaces the letters by what change makes of them. Changes are
// idempotent, so that an unclear write is simply tried again.
func (l *deadLetters) update(ctx context.Context, change func([]letter) ([]letter, error)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.budget)
	defer cancel()
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		letters, etag, err := l.read(ctx)
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
		return struct{}{}, l.store.Put(ctx, contract.DeadLettersKey, value, etag)
	}, backoff.WithMaxElapsedTime(l.budget))
	return err
}

func (l *deadLetters) read(ctx context.Context) ([]letter, string, error) {
	value, etag, err := l.store.Get(ctx, contract.DeadLettersKey)
	if err != nil || len(value) == 0 {
		return nil, "", err
	}
	var letters []letter
	if err := json.Unmarshal(value, &letters); err != nil {
		return nil, "", backoff.Permanent(fmt.Errorf("decoding the dead letters: %w", err))
	}
	return letters, etag, nil
}
