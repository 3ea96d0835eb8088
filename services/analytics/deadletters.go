package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"daca/services/internal/contract"
	"daca/services/internal/fastapi"
)

// broker publishes an encoded CloudEvent, see daprClient.
type broker interface {
	Publish(ctx context.Context, topic string, event []byte) error
}

// deadLetters keeps the events that could not be handled, so that somebody can
// look at them and publish them again.
type deadLetters struct {
	box    *letterBox
	broker broker
	logger *slog.Logger
	kept   *prometheus.CounterVec
}

func newDeadLetters(
	s store, b broker, budget time.Duration, logger *slog.Logger, metrics prometheus.Registerer,
) *deadLetters {
	return &deadLetters{
		box:    &letterBox{store: s, budget: budget},
		broker: b,
		logger: logger,
		kept: promauto.With(metrics).NewCounterVec(prometheus.CounterOpts{
			Name: "daca_dead_letters_total",
			Help: "Events that arrived on the dead-letter topic: listed, or unlisted because there are too many already.",
		}, []string{"outcome"}),
	}
}

// receive keeps a letter. Its subscription delivers raw payloads, as the binary
// data of an envelope, so that even an event that is no CloudEvent arrives. An
// event for which the list has no room is acknowledged all the same, and stays in
// the topic's stream only: redelivered forever, it would hold up all others.
func (d *deadLetters) receive(ctx context.Context, in *eventInput) (*eventOutput, error) {
	var envelope cloudevents.Event
	if err := json.Unmarshal(in.RawBody, &envelope); err != nil {
		return nil, fastapi.Unprocessable("value_error", "not a CloudEvent, as Dapr delivers raw payloads", nil, "body")
	}
	arrived := describe(envelope.Data(), time.Now())
	logger := d.logger.With("id", arrived.ID, "topic", arrived.Topic, "reason", arrived.Reason)
	listed, err := d.box.keep(ctx, arrived)
	switch {
	case err != nil:
		logger.ErrorContext(ctx, "keeping a dead letter failed", "dependency", contract.StateStore, "error", err)
		return status(statusRetry, err.Error()), nil
	case !listed:
		d.kept.WithLabelValues("unlisted").Inc()
		logger.ErrorContext(ctx, "an event could not be handled, and there are too many dead letters to list it: "+
			"it stays in the stream of the topic", "stream", contract.TopicDeadLetters)
		return status(statusSuccess, "not listed: there are too many dead letters"), nil
	}
	d.kept.WithLabelValues("listed").Inc()
	logger.ErrorContext(ctx, "an event could not be handled: see /deadletters")
	return status(statusSuccess, ""), nil
}

type lettersOutput struct {
	Body struct {
		DeadLetters []letter `json:"deadletters"`
	}
}

func (d *deadLetters) list(ctx context.Context, _ *struct{}) (*lettersOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	letters, _, err := d.box.read(ctx)
	if err != nil {
		return nil, d.fail(ctx, "listing the dead letters", err)
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

// replay publishes the event to its topic and then removes the letter, unless the
// event has come back in the meantime. If a failure in between leads to a second
// replay, the event is published twice, and counted once like any copy.
func (d *deadLetters) replay(ctx context.Context, in *letterPath) (*letterOutput, error) {
	token := uuid.NewString()
	found, err := d.box.beginReplay(ctx, in.ID, token)
	if errors.Is(err, errNoReplay) {
		return nil, fastapi.NewError(http.StatusConflict, "The event is too large to be kept, "+
			"or names no topic of this service, and cannot be replayed: "+found.Reason)
	}
	if err == nil {
		err = d.broker.Publish(ctx, found.Topic, found.Event)
	}
	if err != nil {
		return nil, d.fail(ctx, "replaying a dead letter", err)
	}
	if err := d.box.endReplay(ctx, in.ID, token); err != nil {
		return nil, d.fail(ctx, "forgetting a dead letter", err)
	}
	return d.done(ctx, "replayed", in.ID), nil
}

func (d *deadLetters) remove(ctx context.Context, in *letterPath) (*letterOutput, error) {
	if err := d.box.remove(ctx, in.ID); err != nil {
		return nil, d.fail(ctx, "forgetting a dead letter", err)
	}
	return d.done(ctx, "deleted", in.ID), nil
}

func (d *deadLetters) done(ctx context.Context, outcome, id string) *letterOutput {
	d.logger.InfoContext(ctx, "dead letter "+outcome, "id", id)
	out := &letterOutput{}
	out.Body.Status = outcome
	out.Body.ID = id
	return out
}

// fail returns the answer for a letter that does not exist, or for a store or
// broker that failed while doing something.
func (d *deadLetters) fail(ctx context.Context, doing string, err error) error {
	if errors.Is(err, errNoLetter) {
		return fastapi.NewError(http.StatusNotFound, "Dead letter not found")
	}
	d.logger.ErrorContext(ctx, doing+" failed", "error", err)
	return unavailable(fmt.Sprintf("%s failed: %s or %s is unavailable. Try again later.",
		doing, contract.StateStore, contract.PubSub))
}
