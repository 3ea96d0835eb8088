package fastapi

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// Error is an answer that is not a success. Its body is {"detail":…}, as in
// FastAPI: a string, or for status 422 a list of Invalid.
type Error struct {
	Status  int         `json:"-"`
	Detail  any         `json:"detail"`
	Headers http.Header `json:"-"`
}

// NewError returns an answer with the status and {"detail": detail}.
func NewError(status int, detail string) *Error {
	return &Error{Status: status, Detail: detail}
}

// Unprocessable returns a 422 with one Invalid at the location, for rules that
// the types of an operation cannot express.
func Unprocessable(kind, msg string, input any, loc ...any) *Error {
	return unprocessable(Invalid{Type: kind, Loc: loc, Msg: msg, Input: input})
}

func unprocessable(invalid ...Invalid) *Error {
	return &Error{Status: http.StatusUnprocessableEntity, Detail: invalid}
}

// Error returns the detail if it is a string, and otherwise the status' name.
func (e *Error) Error() string {
	if s, ok := e.Detail.(string); ok {
		return s
	}
	return http.StatusText(e.Status)
}

// GetStatus implements huma.StatusError.
func (e *Error) GetStatus() int { return e.Status }

// GetHeaders implements huma.HeadersError.
func (e *Error) GetHeaders() http.Header { return e.Headers }

// Problem documents {"detail":"…"} in the OpenAPI description.
type Problem struct {
	Detail string `json:"detail" doc:"What went wrong, and what to do about it."`
}

// ValidationProblem documents the body of a 422, the same as FastAPI's.
type ValidationProblem struct {
	Detail []Invalid `json:"detail" doc:"Everything that is wrong with the request."`
}

// humaContext lets fastAPIErrors change the status that Huma chose.
type humaContext struct {
	baseContext
	status int
}

// baseContext has another name than huma.Context, whose method Context would
// otherwise collide with the name of the embedded field.
type baseContext = huma.Context

// Unwrap lets humagin find the context of Gin.
func (c *humaContext) Unwrap() huma.Context { return c.baseContext }

func (c *humaContext) SetStatus(code int) {
	if c.status != 0 {
		code = c.status
	}
	c.baseContext.SetStatus(code)
}

// fastAPIErrors is a transformer of Huma's. It gives the errors that Huma itself
// answers the status and the shape that FastAPI gives them.
func (a *API) fastAPIErrors(ctx huma.Context, _ string, v any) (any, error) {
	model, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	ctx.SetHeader("Content-Type", "application/json")
	answer := toFastAPI(ctx, model)
	if c, ok := ctx.(*humaContext); ok {
		c.status = answer.Status
	}
	return answer, nil
}

func toFastAPI(ctx huma.Context, model *huma.ErrorModel) *Error {
	switch model.Status {
	case http.StatusRequestEntityTooLarge:
		return tooLarge(ctx.Operation().MaxBodyBytes)
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		if len(model.Errors) == 0 {
			return unprocessable(missingBody())
		}
		return unprocessable(translateAll(model.Errors, ctx.Operation())...)
	case http.StatusInternalServerError: // Huma itself has only this one
		return NewError(http.StatusBadRequest, "The request body could not be read")
	}
	return NewError(model.Status, model.Detail)
}
