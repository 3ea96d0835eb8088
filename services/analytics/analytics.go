package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"daca/services/internal/contract"
	"daca/services/internal/fastapi"
)

// analytics answers and sets the counts.
type analytics struct {
	counts *counter
}

type getInput struct {
	UserID contract.UserID `path:"user_id"`
}

type countOutput struct {
	Body struct {
		MessageCount int64 `json:"message_count" example:"5"`
	}
}

func (a *analytics) get(ctx context.Context, in *getInput) (*countOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	n, err := a.counts.Count(ctx, in.UserID)
	switch {
	case errors.Is(err, errUnknownUser):
		return nil, fastapi.NewError(http.StatusNotFound, "User not found")
	case err != nil:
		a.counts.logger.ErrorContext(ctx, "reading a count failed", "dependency", contract.StateStore, "error", err)
		return nil, failed(err)
	}
	out := &countOutput{}
	out.Body.MessageCount = n
	return out, nil
}

// maxCount is the largest count that can be set: the largest integer that JSON
// numbers carry exactly everywhere (RFC 8259, section 6).
const maxCount = 1<<53 - 1

type initializeInput struct {
	UserID         contract.UserID `path:"user_id"`
	IdempotencyKey string          `header:"Idempotency-Key" maxLength:"255" doc:"The same key sets the count once."`
	// MessageCount is text so that an absent one and 0 can be told apart.
	MessageCount string `query:"message_count" doc:"The count to set, if there is no body." example:"5"`
	Body         *struct {
		MessageCount whole `json:"message_count" minimum:"0" maximum:"9007199254740991" example:"5"`
	} `required:"false"`
}

type initializeOutput struct {
	Body struct {
		Status       string          `json:"status" example:"success"`
		UserID       contract.UserID `json:"user_id"`
		MessageCount int64           `json:"message_count" example:"5"`
	}
}

func (a *analytics) initialize(ctx context.Context, in *initializeInput) (*initializeOutput, error) {
	n, err := in.count()
	if err != nil {
		return nil, err
	}
	op := operation{ID: operationID("initialize", in.IdempotencyKey), Change: setTo(n)}
	// After a copy of the request the count is what it is, not what was asked for.
	_, n, err = a.counts.Apply(ctx, in.UserID, op)
	if err != nil {
		return nil, failed(err)
	}
	out := &initializeOutput{}
	out.Body.Status, out.Body.UserID, out.Body.MessageCount = "success", in.UserID, n
	return out, nil
}

// whole is a whole number, however it is written: 5, 5.0 or 5e0 are the same
// number in JSON.
type whole int64

// Schema implements huma.SchemaProvider; the bounds come from the field's tags.
func (whole) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeInteger, Format: "int64"}
}

// UnmarshalJSON reads what the schema has let through.
func (w *whole) UnmarshalJSON(b []byte) error {
	f, err := strconv.ParseFloat(string(b), 64)
	*w = whole(f)
	return err
}

// count is the count of the body or, without one, that of the query.
func (in *initializeInput) count() (int64, error) {
	if in.Body != nil {
		return int64(in.Body.MessageCount), nil
	}
	return fastapi.ParseInteger("query", "message_count", in.MessageCount, 0, maxCount)
}

type incrementInput struct {
	UserID         contract.UserID `path:"user_id"`
	IdempotencyKey string          `header:"Idempotency-Key" maxLength:"255" doc:"The same key adds one once."`
}

type incrementOutput struct {
	Body struct {
		UserID       contract.UserID `json:"user_id"`
		MessageCount int64           `json:"message_count" example:"6"`
	}
}

func (a *analytics) increment(ctx context.Context, in *incrementInput) (*incrementOutput, error) {
	op := operation{ID: operationID("increment", in.IdempotencyKey), Change: addOne}
	_, n, err := a.counts.Apply(ctx, in.UserID, op)
	if err != nil {
		return nil, failed(err)
	}
	out := &incrementOutput{}
	out.Body.UserID, out.Body.MessageCount = in.UserID, n
	return out, nil
}

// operationID is the id of a change asked for over HTTP: of its own for every
// request, or the same for all that carry the same key.
func operationID(kind, idempotencyKey string) string {
	if idempotencyKey == "" {
		return uuid.NewString()
	}
	return fmt.Sprintf("%s %s", kind, idempotencyKey)
}
