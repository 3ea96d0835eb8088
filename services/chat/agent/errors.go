package agent

import (
	"context"
	"fmt"
	"time"
)

// Kind says which way a model failed.
type Kind string

// The ways in which a model fails.
const (
	Unauthorized  Kind = "unauthorized"   // the provider does not accept the API key
	RateLimited   Kind = "rate limited"   // the provider wants fewer requests, or money
	Timeout       Kind = "timeout"        // no answer in time
	Unavailable   Kind = "unavailable"    // no answer, or none that can be used
	Rejected      Kind = "rejected"       // the provider does not accept the request
	TurnsExceeded Kind = "turns exceeded" // the model went on calling tools
)

// Error is a failure of the model. Its text holds neither the API key nor the
// provider's words. A Timeout is a context.DeadlineExceeded too.
type Error struct {
	Kind       Kind
	Status     int           // the provider's, or 0 when it gave none
	RetryAfter time.Duration // how long the provider wants to be left alone, or 0

	cause string
}

// Error names the kind and the cause.
func (e *Error) Error() string {
	text := "model " + string(e.Kind)
	if e.cause != "" {
		text += ": " + e.cause
	}
	if e.RetryAfter > 0 {
		text += fmt.Sprintf(", to be asked again after %s", e.RetryAfter)
	}
	return text
}

// Unwrap lets errors.Is find a timeout.
func (e *Error) Unwrap() error {
	if e.Kind == Timeout {
		return context.DeadlineExceeded
	}
	return nil
}

// kindOf sorts the HTTP statuses of failures.
func kindOf(status int) Kind {
	switch {
	case status == 401 || status == 403:
		return Unauthorized
	case status == 429:
		return RateLimited
	case status == 408 || status >= 500:
		return Unavailable
	}
	return Rejected
}
