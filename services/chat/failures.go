package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"daca/services/chat/agent"
	"daca/services/internal/fastapi"
)

// defaultRetryAfter is said where a provider limits the rate without saying
// for how long.
const defaultRetryAfter = 5 * time.Second

// failed logs why the agent did not answer and says it to the client. running
// is the context of the agent, ctx that of the request.
func (c *chat) failed(ctx, running context.Context, err error) error {
	if ctx.Err() != nil { // the client is gone
		c.logger.InfoContext(ctx, "the client left before the answer")
		return fastapi.NewError(http.StatusServiceUnavailable, "The request was given up")
	}
	if running.Err() != nil {
		err = &agent.Error{Kind: agent.Timeout}
	}
	answer := answerFor(err)
	if answer.Status == http.StatusInternalServerError {
		return err // serve logs it and says nothing of it
	}
	_ = c.modelOutcome.Record(err)
	c.logger.ErrorContext(ctx, "the message is not answered", "dependency", "model", "error", err)
	return answer
}

// answerFor maps a failure of the model to an answer that names the cause.
func answerFor(err error) *fastapi.Error {
	var failure *agent.Error
	if !errors.As(err, &failure) {
		return fastapi.NewError(http.StatusInternalServerError, "Internal Server Error")
	}
	switch failure.Kind {
	case agent.Unauthorized:
		return fastapi.NewError(http.StatusBadGateway, fmt.Sprintf("The model provider refused the API key (status %d). Check OPENAI_API_KEY or GEMINI_API_KEY.", failure.Status))
	case agent.RateLimited:
		wait := failure.RetryAfter
		if wait <= 0 {
			wait = defaultRetryAfter
		}
		e := fastapi.NewError(http.StatusServiceUnavailable, "The model provider limits the rate of requests, or the quota is used up. Try again later.")
		e.Headers = http.Header{"Retry-After": {strconv.Itoa(int(math.Ceil(wait.Seconds())))}}
		return e
	case agent.Timeout:
		return fastapi.NewError(http.StatusGatewayTimeout, "The model did not answer in time. Try again later.")
	case agent.Rejected:
		return fastapi.NewError(http.StatusBadGateway, fmt.Sprintf("The model provider refused the request (status %d). Check OPENAI_MODEL and OPENAI_BASE_URL.", failure.Status))
	case agent.TurnsExceeded:
		return fastapi.NewError(http.StatusBadGateway, "The agent did not come to an answer: the model went on calling tools.")
	case agent.Unavailable:
		return fastapi.NewError(http.StatusBadGateway, "The model is unavailable, or its answer cannot be used. Try again later.")
	}
	return fastapi.NewError(http.StatusInternalServerError, "Internal Server Error")
}
