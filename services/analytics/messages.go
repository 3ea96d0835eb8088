package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"daca/services/internal/contract"
	"daca/services/internal/fastapi"
)

// events handles the events that Dapr delivers, and the bare events of the
// tutorials.
type events struct {
	counts *counter
	logger *slog.Logger
}

// messageSent counts the event.
func (e *events) messageSent(ctx context.Context, in *eventInput) (*eventOutput, error) {
	return e.handle(ctx, in, contract.MessageSent, addOne)
}

// userRegistered makes the user known, with count 0. It never resets a known user.
func (e *events) userRegistered(ctx context.Context, in *eventInput) (*eventOutput, error) {
	return e.handle(ctx, in, contract.UserRegistered, nil)
}

// maxClockSkew is how far a publisher's clock may be ahead. An event from further
// in the future would push the document's Horizon there when it is forgotten.
const maxClockSkew = 5 * time.Minute

func (e *events) handle(
	ctx context.Context, in *eventInput, want contract.EventType, change func(int64) int64,
) (*eventOutput, error) {
	if !contract.IsCloudEvent(in.ContentType, in.RawBody) {
		return e.handleBare(ctx, in, want, change)
	}
	event, err := contract.DecodeCloudEvent(in.RawBody, want)
	if err != nil {
		return drop(ctx, e.logger, err.Error()), nil
	}
	logger := e.logger.With("event_id", event.ID, "event_time", event.Time, "user_id", event.UserID)
	if event.Time.After(time.Now().Add(maxClockSkew)) {
		reason := fmt.Sprintf("the event's time %s is in the future", event.Time.Format(time.RFC3339))
		return drop(ctx, logger, reason), nil
	}
	v, _, err := e.counts.Apply(ctx, event.UserID, operation{ID: event.ID, Time: event.Time, Change: change})
	switch {
	case err != nil:
		return status(statusRetry, storeUnavailable), nil //nolint:nilerr // Apply logs it, and Dapr reads the body
	case v == tooOld:
		const reason = "the event is older than the event ids that are remembered: whether it was counted cannot be told"
		return drop(ctx, logger, reason), nil
	}
	return status(statusSuccess, ""), nil
}

// drop moves an event that can never be handled to the dead-letter topic.
func drop(ctx context.Context, logger *slog.Logger, reason string) *eventOutput {
	logger.WarnContext(ctx, "dropping an event that can never be handled",
		"to", contract.TopicDeadLetters, "reason", reason)
	return status(statusDrop, reason)
}

// handleBare handles {"event_type","user_id"} without an envelope, as people send
// it by hand. It comes from no sidecar, so its errors are those of HTTP.
func (e *events) handleBare(
	ctx context.Context, in *eventInput, want contract.EventType, change func(int64) int64,
) (*eventOutput, error) {
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
	op := operation{ID: operationID(string(want), in.IdempotencyKey), Change: change}
	if _, _, err := e.counts.Apply(ctx, event.UserID, op); err != nil {
		return nil, failed(err)
	}
	return status("success", ""), nil
}
