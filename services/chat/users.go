package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"daca/services/chat/activity"
	"daca/services/internal/contract"
	"daca/services/internal/fastapi"
)

// users handles the routes of users: it looks them up and registers them.
type users struct {
	counts knownCounts
	events *publisher
	shown  *activity.Activity
	logger *slog.Logger
}

// knownCounts tells a count that is known from one that is not, see chat.count.
type knownCounts interface {
	count(ctx context.Context, user contract.UserID) (n int64, known bool)
}

type userInput struct {
	UserID contract.UserID `path:"user_id"`
	Role   string          `query:"role" doc:"Empty is guest." example:"admin"`
}

type userOutput struct {
	Body struct {
		UserID contract.UserID `json:"user_id"`
		Role   string          `json:"role" example:"guest"`
	}
}

func (u *users) get(_ context.Context, in *userInput) (*userOutput, error) {
	out := &userOutput{}
	out.Body.UserID = in.UserID
	out.Body.Role = in.Role
	if in.Role == "" {
		out.Body.Role = "guest"
	}
	return out, nil
}

type countOutput struct {
	Body struct {
		UserID       contract.UserID `json:"user_id"`
		MessageCount int64           `json:"message_count" doc:"0 for a user of whom nothing has been counted."`
	}
}

// count asks the analytics service, through Dapr. A count that is not known is an error,
// and never 0.
func (u *users) count(ctx context.Context, in *struct {
	UserID contract.UserID `path:"user_id"`
}) (*countOutput, error) {
	n, known := u.counts.count(ctx, in.UserID)
	if !known {
		return nil, fastapi.NewError(http.StatusServiceUnavailable,
			"The count is not known: "+contract.AnalyticsApp+" is unavailable. Try again later.")
	}
	out := &countOutput{}
	out.Body.UserID = in.UserID
	out.Body.MessageCount = n
	return out, nil
}

type registerInput struct {
	UserID         contract.UserID `path:"user_id"`
	IdempotencyKey string          `header:"Idempotency-Key" maxLength:"255"`
}

type registerOutput struct {
	Body struct {
		Status string          `json:"status" example:"accepted"`
		UserID contract.UserID `json:"user_id"`
	}
}

// register publishes that the user registered. The analytics service then knows
// the user, with count 0.
func (u *users) register(ctx context.Context, in *registerInput) (*registerOutput, error) {
	received := time.Now()
	shown := u.shown.Begin(contract.UserRegistered, in.UserID, received)
	event := newEvent(contract.UserRegistered, in.UserID, in.IdempotencyKey)
	event.Received = received
	shown.Answered(event)
	if err := u.events.Publish(ctx, event, in.IdempotencyKey); err != nil {
		shown.Fail("The registration could not be published.")
		u.logger.ErrorContext(ctx, "registering a user failed", "event_id", event.ID, "error", err)
		return nil, fastapi.NewError(http.StatusServiceUnavailable,
			"Neither "+contract.PubSub+" nor the spool took the event. Try again later.")
	}
	out := &registerOutput{}
	out.Body.Status = "accepted"
	out.Body.UserID = in.UserID
	return out, nil
}
