package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"daca/services/internal/contract"
	"daca/services/internal/fastapi"
)

// analytics answers and sets the counts.
type analytics struct {
	counts *counter
	logger *slog.Logger
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
		a.logger.ErrorContext(ctx, "reading a count failed", "dependency", contract.StateStore, "error", err)
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
	// MessageCount is a string so that an absent count differs from 0.
	MessageCount string `query:"message_count" doc:"The count to set, if there is no body." example:"5"`
	Body         *struct {
		MessageCount jsonInt `json:"message_count" minimum:"0" maximum:"9007199254740991" example:"5"`
	} `required:"false"`
}

// count returns the count of the body or, without a body, of the query.
func (in *initializeInput) count() (int64, error) {
	if in.Body != nil {
		return int64(in.Body.MessageCount), nil
	}
	return fastapi.ParseInteger("query", "message_count", in.MessageCount, 0, maxCount)
}

// jsonInt is an integer in any form that JSON has for it: 5, 5.0 and 5e0 are the
// same number.
type jsonInt int64

// Schema implements huma.SchemaProvider; the bounds come from the field's tags.
func (jsonInt) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeInteger, Format: "int64"}
}

// UnmarshalJSON reads a number that the schema has accepted.
func (i *jsonInt) UnmarshalJSON(b []byte) error {
	f, err := strconv.ParseFloat(string(b), 64)
	*i = jsonInt(f)
	return err
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
	op := request("initialize", in.IdempotencyKey, strconv.FormatInt(n, 10), setTo(n))
	ch, err := a.counts.do(ctx, in.UserID, op)
	switch {
	case err != nil:
		return nil, failed(err)
	case ch.verdict == reused:
		return nil, fastapi.Unprocessable("value_error", "The key was used to set another count",
			in.IdempotencyKey, "header", "Idempotency-Key")
	}
	out := &initializeOutput{}
	out.Body.Status = "success"
	out.Body.UserID = in.UserID
	// The answer to a repeated request is the count of now, not the one in the request.
	out.Body.MessageCount = ch.count
	return out, nil
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
	ch, err := a.counts.do(ctx, in.UserID, request("increment", in.IdempotencyKey, "", addOne))
	switch {
	case err != nil:
		return nil, failed(err)
	case ch.verdict == full:
		return nil, fastapi.NewError(http.StatusConflict, "The count cannot grow any more")
	}
	out := &incrementOutput{}
	out.Body.UserID = in.UserID
	out.Body.MessageCount = ch.count
	return out, nil
}
