package main

import (
	"context"
	"log/slog"
	"net/http"

	"daca/services/internal/contract"
	"daca/services/internal/fastapi"
)

// users handles the routes of users: it looks them up and registers them.
type users struct {
	events *publisher
	logger *slog.Logger
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
	event := newEvent(contract.UserRegistered, in.UserID, in.IdempotencyKey)
	if err := u.events.Publish(ctx, event, in.IdempotencyKey); err != nil {
		u.logger.ErrorContext(ctx, "registering a user failed", "event_id", event.ID, "error", err)
		return nil, fastapi.NewError(http.StatusServiceUnavailable,
			"Neither "+contract.PubSub+" nor the spool took the event. Try again later.")
	}
	out := &registerOutput{}
	out.Body.Status = "accepted"
	out.Body.UserID = in.UserID
	return out, nil
}
