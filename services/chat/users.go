package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"daca/services/internal/contract"
	"daca/services/internal/fastapi"
)

// users answers who a user is, and registers users.
type users struct {
	publisher *publisher
	logger    *slog.Logger
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
	out.Body.UserID, out.Body.Role = in.UserID, in.Role
	if in.Role == "" {
		out.Body.Role = "guest"
	}
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

// register publishes that the user registered. The analytics service then
// knows the user, with count 0.
func (u *users) register(ctx context.Context, in *registerInput) (*registerOutput, error) {
	event := contract.Event{
		ID: eventID(contract.UserRegistered, in.UserID, in.IdempotencyKey), Time: time.Now().UTC().Truncate(time.Millisecond),
		Type: contract.UserRegistered, UserID: in.UserID,
	}
	if err := u.publisher.Publish(ctx, event); err != nil {
		u.logger.ErrorContext(ctx, "registering a user failed", "event_id", event.ID, "error", err)
		return nil, fastapi.NewError(http.StatusServiceUnavailable, "Neither "+contract.PubSub+" nor the spool took the event. Try again later.")
	}
	out := &registerOutput{}
	out.Body.Status, out.Body.UserID = "accepted", in.UserID
	return out, nil
}
