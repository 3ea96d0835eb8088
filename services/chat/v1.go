package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"daca/services/chat/agent"
	"daca/services/internal/fastapi"
)

// front serves the clients of OpenAI's API: /v1/chat/completions and /v1/models. The
// history is the client's there, and errors have OpenAI's shape.
type front struct {
	*chat
	key        string // that clients have to send; empty for none
	userHeader string // names the user, for clients that do not in the body
}

// register adds the routes of OpenAI's API.
func (f *front) register(api *fastapi.API) {
	f.describe(api)
	v1 := api.Engine.Group("/v1", f.authorize)
	v1.GET("/models", f.listModels)
	v1.GET("/models/:model", f.getModel)
	v1.POST("/chat/completions", api.AdmitBodyOr(maxCompletionBytes, refuseAsOpenAI), f.complete)
}

// authorize refuses requests without the key.
func (f *front) authorize(c *gin.Context) {
	if f.key == "" || fastapi.HasBearer(c.Request, f.key) {
		return
	}
	e := newV1Error(http.StatusUnauthorized, "",
		"Incorrect API key. Send the V1_API_KEY of the service as Authorization: Bearer …")
	e.code("invalid_api_key")
	e.headers = http.Header{"Www-Authenticate": {"Bearer"}}
	e.refuse(c)
}

// v1Error is an answer that is not a success, in OpenAI's shape:
//
//	{"error": {"message": "The model \"x\" does not exist.", "type": "invalid_request_error",
//	 "param": "model", "code": "model_not_found"}}
type v1Error struct {
	status  int
	headers http.Header

	Message string  `json:"message" doc:"What went wrong, and what to do about it."`
	Type    string  `json:"type" enum:"invalid_request_error,server_error"`
	Param   *string `json:"param" doc:"The part of the request that is wrong."`
	Code    *string `json:"code" doc:"model_not_found, context_length_exceeded, invalid_api_key, or null."`
}

// v1Problem is the body of a v1Error.
type v1Problem struct {
	Error *v1Error `json:"error"`
}

// newV1Error returns an answer with the status. param names the part of the request that
// is wrong, or is empty.
func newV1Error(status int, param, message string) *v1Error {
	e := &v1Error{status: status, Message: message, Type: "invalid_request_error"}
	if status >= http.StatusInternalServerError {
		e.Type = "server_error"
	}
	if param != "" {
		e.Param = &param
	}
	return e
}

// code sets the code, by which programs know the error.
func (e *v1Error) code(code string) { e.Code = &code }

// Error returns the message.
func (e *v1Error) Error() string { return e.Message }

// refuse answers the request with the error, and calls no further handlers.
func (e *v1Error) refuse(c *gin.Context) {
	for name, values := range e.headers {
		c.Writer.Header()[name] = values
	}
	c.Abort()
	answerJSON(c, e.status, v1Problem{e})
}

// refuseAsOpenAI is fastapi.Refuse in OpenAI's shape.
func refuseAsOpenAI(c *gin.Context, e *fastapi.Error) { asOpenAI(e).refuse(c) }

func asOpenAI(e *fastapi.Error) *v1Error {
	shaped := newV1Error(e.Status, "", e.Error())
	shaped.headers = e.Headers
	return shaped
}

// shaped returns err as an answer. An error that is none is logged, and is a 500.
func (f *front) shaped(ctx context.Context, err error) *v1Error {
	var (
		already *v1Error
		known   *fastapi.Error
	)
	switch {
	case errors.As(err, &already):
		return already
	case errors.As(err, &known):
		return asOpenAI(known)
	}
	f.logger.ErrorContext(ctx, "answering a request failed", "operation", "completions", "error", err)
	return newV1Error(http.StatusInternalServerError, "", "Internal Server Error")
}

// unanswered logs why the agent did not answer, and returns the answer for the client. It
// is that of POST /chat/, except where the client's own messages, tools and options can be
// to blame.
func (f *front) unanswered(ctx, running context.Context, err error) *v1Error {
	e := f.shaped(ctx, f.failed(ctx, running, err))
	var failure *agent.Error
	if running.Err() != nil || !errors.As(err, &failure) {
		return e
	}
	switch {
	case failure.Kind == agent.TooLong:
		e = newV1Error(http.StatusBadRequest, "messages", "The messages are too long for the model. Shorten them.")
		e.code("context_length_exceeded")
	case failure.Kind == agent.Rejected && isClientError(failure.Status):
		e = newV1Error(http.StatusBadRequest, "", "The model provider refused the request: "+
			"the model does not take one of its messages, tools or options.")
	}
	return e
}

func isClientError(status int) bool {
	return status == http.StatusBadRequest || status == http.StatusUnprocessableEntity
}

// answerJSON answers with the body. An error means that the client is gone.
func answerJSON(c *gin.Context, status int, body any) {
	c.Header("Content-Type", "application/json")
	c.Status(status)
	encoder := json.NewEncoder(c.Writer)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(body)
}
