package serve

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

// Error returns the detail if it is a text.
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

// Responses documents the error statuses of an operation; the bodies are
// Problem, or ValidationProblem for 422.
func Responses(api huma.API, statuses ...int) map[string]*huma.Response {
	registry := api.OpenAPI().Components.Schemas
	responses := map[string]*huma.Response{}
	for _, status := range statuses {
		schema := registry.Schema(typeOf[Problem](), true, "")
		if status == http.StatusUnprocessableEntity {
			schema = registry.Schema(typeOf[ValidationProblem](), true, "")
		}
		responses[statusKey(status)] = &huma.Response{
			Description: http.StatusText(status),
			Content:     map[string]*huma.MediaType{"application/json": {Schema: schema}},
		}
	}
	return responses
}
