package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"daca/services/internal/contract"
	"daca/services/internal/fastapi"
	"daca/services/internal/state"
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
	s state.Store, b broker, budget time.Duration, logger *slog.Logger, metrics prometheus.Registerer,
) *deadLetters {
	return &deadLetters{
		box:    newLetterBox(s, budget),
		broker: b,
		logger: logger,
		kept: promauto.With(metrics).NewCounterVec(prometheus.CounterOpts{
			Name: "daca_dead_letters_total",
			Help: "Events that can never be counted: listed, or unlisted because there are too many already.",
		}, []string{"outcome"}),
	}
}

// receive keeps events that the sidecar could not deliver, from the dead-letter
// topic.
func (d *deadLetters) receive(ctx context.Context, _ time.Time, entries []entry) {
	d.keep(ctx, "", entries)
}

// bare refuses a body that the sidecar did not send.
func (d *deadLetters) bare(*http.Request, []byte) (deliveryAnswer, *fastapi.Error) {
	return deliveryAnswer{}, fastapi.Unprocessable("value_error", "not a CloudEvent, as Dapr delivers events", nil, "body")
}

// keep makes a letter of each entry without a status, and then acknowledges it. One
// for which there is no room is acknowledged all the same: redelivered for ever, it
// would hold up all others. It is in the log then, and in the metrics.
func (d *deadLetters) keep(ctx context.Context, topic string, entries []entry) {
	var letters []letter
	var kept []*entry
	for i := range entries {
		if e := &entries[i]; e.status == "" {
			letters = append(letters, describe(e.payload, topic, e.reason, time.Now()))
			kept = append(kept, e)
		}
	}
	if len(letters) == 0 {
		return
	}
	logger := d.logger.With("events", len(letters), "topic", letters[0].Topic, "reason", letters[0].Reason)
	listed, err := d.box.keep(ctx, letters)
	if err != nil {
		logger.ErrorContext(ctx, "keeping dead letters failed", "dependency", contract.StateStore, "error", err)
		for _, e := range kept {
			e.status = statusRetry
			e.reason = storeUnavailable
		}
		return
	}
	for _, e := range kept {
		e.status = statusSuccess
		if e.reason != "" {
			e.reason = keptAsLetter + e.reason
		}
	}
	d.kept.WithLabelValues("listed").Add(float64(listed))
	d.kept.WithLabelValues("unlisted").Add(float64(len(letters) - listed))
	if listed < len(letters) {
		logger.ErrorContext(ctx, "events can never be counted, and there are too many dead letters to keep them",
			"unlisted", len(letters)-listed, "last", contract.Shorten(string(kept[len(kept)-1].payload), maxLogged))
		return
	}
	logger.ErrorContext(ctx, "events can never be counted: see /deadletters")
}

const (
	maxLogged    = 1000 // bytes of an event
	keptAsLetter = "kept as a dead letter: "
)

type lettersOutput struct {
	Body struct {
		DeadLetters []letter `json:"deadletters"`
	}
}

func (d *deadLetters) list(ctx context.Context, _ *struct{}) (*lettersOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	letters, err := d.box.list(ctx)
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

// replay publishes the event to its topic and then removes the letter. It publishes
// what the suite reads of the event in an envelope of its own: whatever else somebody
// put into it stays here. If a failure in between leads to a second replay, the event
// is published twice, and counted once like any copy. An event that fails again
// comes back as a letter.
func (d *deadLetters) replay(ctx context.Context, in *letterPath) (*letterOutput, error) {
	found, err := d.box.find(ctx, in.ID)
	if err != nil {
		return nil, d.fail(ctx, "replaying a dead letter", err)
	}
	event, err := found.decode()
	if err != nil {
		return nil, fastapi.NewError(http.StatusConflict, "The event cannot be replayed: "+err.Error())
	}
	encoded, err := event.Encode()
	if err != nil {
		return nil, err
	}
	if err := d.broker.Publish(ctx, event.Type.Topic(), encoded); err != nil {
		return nil, d.fail(ctx, "replaying a dead letter", err)
	}
	if err := d.box.remove(ctx, in.ID, found.ReceivedAt); err != nil && !errors.Is(err, errNoLetter) {
		return nil, d.fail(ctx, "forgetting a dead letter", err)
	}
	return d.done(ctx, "replayed", in.ID), nil
}

func (d *deadLetters) remove(ctx context.Context, in *letterPath) (*letterOutput, error) {
	if err := d.box.remove(ctx, in.ID, time.Time{}); err != nil {
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
