package main

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"daca/services/internal/contract"
	"daca/services/internal/fastapi"
)

// events handles what Dapr delivers, and the bare events of the tutorials.
type events struct {
	counts *counter
	logger *slog.Logger
}

type eventInput struct {
	ContentType    string `header:"Content-Type"`
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"255" doc:"For bare events, which have no id: the same key counts once."`
	RawBody        []byte `contentType:"application/json"`
}

// bareEvent documents an event without an envelope, and the data of a CloudEvent.
type bareEvent struct {
	EventType contract.EventType `json:"event_type" enum:"MessageSent,UserRegistered"`
	UserID    contract.UserID    `json:"user_id"`
}

// cloudEvent documents an event as Dapr delivers it.
type cloudEvent struct {
	SpecVersion string    `json:"specversion" enum:"1.0"`
	ID          string    `json:"id" doc:"The same id counts once."`
	Source      string    `json:"source"`
	Type        string    `json:"type"`
	Time        time.Time `json:"time,omitempty"`
	Data        bareEvent `json:"data"`
}

// eventBody documents the body of a delivery, which is decoded by hand: what
// cannot be decoded must be told to Dapr in a 200.
func eventBody(registry huma.Registry) *huma.RequestBody {
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/json":              {Schema: registry.Schema(reflect.TypeFor[bareEvent](), true, "")},
		contract.CloudEventsContentType: {Schema: registry.Schema(reflect.TypeFor[cloudEvent](), true, "")},
	}}
}

// eventOutput is what Dapr understands: SUCCESS; RETRY, deliver again by the
// Resiliency policy; DROP, to the dead-letter topic. A bare event gets
// the tutorials' success or ignored.
type eventOutput struct {
	Body struct {
		Status string `json:"status" enum:"SUCCESS,RETRY,DROP,success,ignored"`
		Reason string `json:"reason,omitempty" doc:"Why the event is dropped or ignored, or to be delivered again."`
	}
}

// See https://docs.dapr.io/reference/api/pubsub_api/, "Expected HTTP Response".
const (
	statusSuccess = "SUCCESS"
	statusRetry   = "RETRY"
	statusDrop    = "DROP"
)

func status(s, reason string) *eventOutput {
	out := &eventOutput{}
	out.Body.Status, out.Body.Reason = s, reason
	return out
}

// messageSent counts the event.
func (e *events) messageSent(ctx context.Context, in *eventInput) (*eventOutput, error) {
	return e.handle(ctx, in, contract.MessageSent, addOne)
}

// userRegistered makes the user known, with count 0, and never resets a known one.
func (e *events) userRegistered(ctx context.Context, in *eventInput) (*eventOutput, error) {
	return e.handle(ctx, in, contract.UserRegistered, nil)
}

// maxClockSkew is how far ahead a publisher's clock may be. Events of the future
// would push the horizon of what is remembered there.
const maxClockSkew = 5 * time.Minute

func (e *events) handle(ctx context.Context, in *eventInput, want contract.EventType, change func(int64) int64) (*eventOutput, error) {
	if !contract.IsCloudEvent(in.ContentType, in.RawBody) {
		return e.handleBare(ctx, in, want, change)
	}
	event, err := contract.DecodeCloudEvent(in.RawBody, want)
	if err != nil {
		e.logger.WarnContext(ctx, "dropping an event that can never be handled", "to", contract.TopicDeadLetters, "reason", err)
		return status(statusDrop, err.Error()), nil
	}
	if event.Time.After(time.Now().Add(maxClockSkew)) {
		reason := fmt.Sprintf("the event's time %s is in the future", event.Time.Format(time.RFC3339))
		e.logger.WarnContext(ctx, "dropping an event", "to", contract.TopicDeadLetters, "reason", reason, "event_id", event.ID, "user_id", event.UserID)
		return status(statusDrop, reason), nil
	}
	v, _, err := e.counts.Apply(ctx, event.UserID, operation{ID: event.ID, Time: event.Time, Change: change})
	switch {
	case err != nil:
		return status(statusRetry, storeUnavailable), nil //nolint:nilerr // Dapr is told in the body; Apply logs the error
	case v == tooOld:
		const reason = "the event is older than the event ids that are remembered: whether it was counted cannot be told"
		e.logger.WarnContext(ctx, "dropping an event", "to", contract.TopicDeadLetters, "reason", reason,
			"event_id", event.ID, "event_time", event.Time, "user_id", event.UserID)
		return status(statusDrop, reason), nil
	}
	return status(statusSuccess, ""), nil
}

// handleBare takes {"event_type","user_id"} without an envelope, as people send
// it by hand. It comes from no sidecar, so its errors are those of HTTP.
func (e *events) handleBare(ctx context.Context, in *eventInput, want contract.EventType, change func(int64) int64) (*eventOutput, error) {
	event, err := contract.DecodeBareEvent(in.RawBody)
	switch {
	case err != nil:
		return nil, fastapi.Unprocessable("value_error", err.Error(), string(in.RawBody), "body")
	case event.Type != want:
		return status("ignored", "event_type is not "+string(want)), nil
	case event.UserID == "":
		return status("ignored", "user_id is missing"), nil
	}
	if err := event.UserID.Validate(); err != nil {
		return nil, fastapi.Unprocessable("value_error", err.Error(), event.UserID, "body", "user_id")
	}
	op := operation{ID: uuid.NewString(), Change: change}
	if in.IdempotencyKey != "" {
		op.ID = operationID(string(want), in.IdempotencyKey)
	}
	if _, _, err := e.counts.Apply(ctx, event.UserID, op); err != nil {
		return nil, failed(err)
	}
	return status("success", ""), nil
}
