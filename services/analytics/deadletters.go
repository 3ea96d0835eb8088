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
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"daca/services/internal/contract"
	"daca/services/internal/fastapi"
)

// Bounds of the dead letters, well below what Dapr's gRPC API carries (4 MiB).
const (
	maxLetters     = 1000
	maxLetterBytes = 256 << 10 // of one event
	maxTotalBytes  = 2 << 20   // of all events
	maxTopicBytes  = 256
)

// deadLetters keeps the events that could not be handled, so that somebody can
// look at them and publish them again. They are one document of the state
// store, changed by compare-and-swap like the counts.
type deadLetters struct {
	store  store
	broker broker
	budget time.Duration
	logger *slog.Logger
	kept   *prometheus.CounterVec

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
	Size       int             `json:"size" doc:"Of the event, in bytes."`
	Event      json.RawMessage `json:"event,omitempty" doc:"The event, if it is JSON and not too large."`
	Raw        []byte          `json:"raw,omitempty" doc:"The event in base64, if it is not JSON and not too large."`
	Replay     string          `json:"replay,omitempty" doc:"Set while the event is being published again."`
}

func newDeadLetters(s store, b broker, budget time.Duration, logger *slog.Logger, metrics prometheus.Registerer) *deadLetters {
	return &deadLetters{store: s, broker: b, budget: budget, logger: logger,
		kept: promauto.With(metrics).NewCounterVec(prometheus.CounterOpts{
			Name: "daca_dead_letters_total",
			Help: "Events that arrived on the dead-letter topic: listed, or unlisted because there are too many already.",
		}, []string{"outcome"})}
}

// receive keeps a letter. Its subscription delivers raw payloads, so that even
// what is no CloudEvent arrives: as the binary data of an envelope. What cannot
// be listed for want of room is acknowledged all the same, and stays in the
// topic's stream only: tried again and again it would hold up everything else.
func (l *deadLetters) receive(ctx context.Context, in *eventInput) (*eventOutput, error) {
	var envelope event.Event
	if err := json.Unmarshal(in.RawBody, &envelope); err != nil {
		return nil, fastapi.Unprocessable("value_error", "not a CloudEvent, as Dapr delivers raw payloads", nil, "body")
	}
	arrived := describe(envelope.Data(), time.Now())
	listed := true
	err := l.update(ctx, func(letters []letter) ([]letter, error) {
		total := 0
		for i, old := range letters {
			if old.ID == arrived.ID {
				letters[i].Replay = "" // it has come back, or never left
				return letters, nil
			}
			total += len(old.Event) + len(old.Raw)
		}
		listed = len(letters) < maxLetters && total+len(arrived.Event)+len(arrived.Raw) <= maxTotalBytes
		if listed {
			letters = append(letters, arrived)
		}
		return letters, nil
	})
	if err != nil {
		l.logger.ErrorContext(ctx, "keeping a dead letter failed", "id", arrived.ID, "dependency", contract.StateStore, "error", err)
		return status(statusRetry, err.Error()), nil
	}
	if !listed {
		l.kept.WithLabelValues("unlisted").Inc()
		l.logger.ErrorContext(ctx, "an event could not be handled, and there are too many dead letters to list it: it stays in the stream of the topic",
			"id", arrived.ID, "from", arrived.Topic, "topic", contract.TopicDeadLetters, "reason", arrived.Reason)
		return status(statusSuccess, "not listed: there are too many dead letters"), nil
	}
	l.kept.WithLabelValues("listed").Inc()
	l.logger.ErrorContext(ctx, "an event could not be handled: see /deadletters", "id", arrived.ID, "topic", arrived.Topic, "reason", arrived.Reason)
	return status(statusSuccess, ""), nil
}

// describe makes a letter of what was published.
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

// replay publishes the event to its topic and then forgets the letter, unless
// the event has come back meanwhile. A copy that results from a failure in
// between is counted once, like any copy.
func (l *deadLetters) replay(ctx context.Context, in *letterPath) (*letterOutput, error) {
	var found letter
	token := uuid.NewString()
	err := l.update(ctx, func(letters []letter) ([]letter, error) {
		i := slices.IndexFunc(letters, func(x letter) bool { return x.ID == in.ID })
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
	switch {
	case errors.Is(err, errNoLetter):
		return nil, fastapi.NewError(http.StatusNotFound, "Dead letter not found")
	case errors.Is(err, errNoReplay):
		return nil, fastapi.NewError(http.StatusConflict, "The event is too large to be kept, or names no topic of this service, and cannot be replayed: "+found.Reason)
	case err != nil:
		return nil, l.fail(ctx, "replaying a dead letter", err)
	}
	if err := l.broker.Publish(ctx, found.Topic, found.Event); err != nil {
		return nil, l.fail(ctx, "replaying a dead letter", err)
	}
	return l.forget(ctx, "replayed", func(x letter) bool { return x.ID == in.ID && x.Replay == token }, in.ID)
}

func (l *deadLetters) remove(ctx context.Context, in *letterPath) (*letterOutput, error) {
	return l.forget(ctx, "deleted", func(x letter) bool { return x.ID == in.ID }, in.ID)
}

var (
	errNoLetter = errors.New("no such dead letter")
	errNoReplay = errors.New("the dead letter cannot be replayed")
)

// forget removes the letter that matches. To be replayed it need not be there any
// more, or may have come back; to be deleted it has to be found, by this try or
// by an earlier one whose write was made although it failed.
func (l *deadLetters) forget(ctx context.Context, outcome string, match func(letter) bool, id string) (*letterOutput, error) {
	found := outcome == "replayed"
	err := l.update(ctx, func(letters []letter) ([]letter, error) {
		i := slices.IndexFunc(letters, match)
		switch {
		case i >= 0:
			found = true
			return slices.Delete(letters, i, i+1), nil
		case found:
			return letters, nil
		}
		return nil, backoff.Permanent(errNoLetter)
	})
	switch {
	case errors.Is(err, errNoLetter):
		return nil, fastapi.NewError(http.StatusNotFound, "Dead letter not found")
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
