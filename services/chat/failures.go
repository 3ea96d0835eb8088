package main

import (
	"cmp"
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

// defaultRetryAfter is for a provider that limits the rate without a Retry-After.
const defaultRetryAfter = 5 * time.Second

// failed logs why the agent did not answer and returns the answer for the client.
// ctx is the context of the request, running that of the agent.
func (c *chat) failed(ctx, running context.Context, err error) error {
	if ctx.Err() != nil {
		c.logger.InfoContext(ctx, "the client left before the answer")
		return fastapi.NewError(http.StatusServiceUnavailable, "The request was given up")
	}
	if running.Err() != nil {
		err = &agent.Error{Kind: agent.Timeout}
	}
	answer := answerFor(err)
	if answer == nil {
		return err // fastapi logs it and answers 500
	}
	c.modelOutcome.Set(err)
	c.logger.ErrorContext(ctx, "the message is not answered", "dependency", "model", "error", err)
	return answer
}

// answerFor returns an answer that names the cause of a failure of the model. It
// returns nil for any other error.
func answerFor(err error) *fastapi.Error {
	var failure *agent.Error
	if !errors.As(err, &failure) {
		return nil
	}
	switch failure.Kind {
	case agent.Unauthorized:
		const detail = "The model provider refused the API key (status %d). Check OPENAI_API_KEY or GEMINI_API_KEY."
		return fastapi.NewError(http.StatusBadGateway, fmt.Sprintf(detail, failure.Status))
	case agent.RateLimited:
		return retryLater(cmp.Or(failure.RetryAfter, defaultRetryAfter),
			"The model provider limits the rate of requests, or the quota is used up. Try again later.")
	case agent.Timeout:
		return fastapi.NewError(http.StatusGatewayTimeout, "The model did not answer in time. Try again later.")
	case agent.Rejected:
		const detail = "The model provider refused the request (status %d). Check OPENAI_MODEL and OPENAI_BASE_URL."
		return fastapi.NewError(http.StatusBadGateway, fmt.Sprintf(detail, failure.Status))
	case agent.TooLong:
		return fastapi.NewError(http.StatusRequestEntityTooLarge, "The text is too long for the model. Shorten it.")
	case agent.TurnsExceeded:
		return fastapi.NewError(http.StatusBadGateway,
			"The agent did not come to an answer: the model went on calling tools.")
	case agent.Unavailable:
		if failure.RetryAfter > 0 {
			return retryLater(failure.RetryAfter, "The model provider is unavailable for now. Try again later.")
		}
		return fastapi.NewError(http.StatusBadGateway,
			"The model is unavailable, or its answer cannot be used. Try again later.")
	}
	return nil
}

func retryLater(wait time.Duration, detail string) *fastapi.Error {
	e := fastapi.NewError(http.StatusServiceUnavailable, detail)
	e.Headers = http.Header{"Retry-After": {strconv.Itoa(int(math.Ceil(wait.Seconds())))}}
	return e
}
