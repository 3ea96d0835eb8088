package agent

import (
	"context"
	"fmt"
	"time"
)

// Kind says how a model failed.
type Kind string

// The ways in which a model fails.
const (
	Unauthorized  Kind = "unauthorized"   // the provider does not accept the API key
	RateLimited   Kind = "rate limited"   // the provider wants fewer requests, or money
	Timeout       Kind = "timeout"        // no answer in time
	Unavailable   Kind = "unavailable"    // no answer, or none that can be used
	Rejected      Kind = "rejected"       // the provider does not accept the request
	TooLong       Kind = "too long"       // the text is longer than the model takes
	TurnsExceeded Kind = "turns exceeded" // the model went on calling tools
)

// Error is a failure of the model. Its text contains neither the API key nor the
// provider's words. A Timeout is also a context.DeadlineExceeded.
type Error struct {
	Kind       Kind
	Status     int           // of the provider's answer, or 0 if there was none
	RetryAfter time.Duration // how long the provider asks to wait, or 0

	cause string
}

// Error returns the kind and the cause.
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

// Reason is what /readyz shows of the error: its kind.
func (e *Error) Reason() string { return "model " + string(e.Kind) }

// Unwrap lets errors.Is find a timeout.
func (e *Error) Unwrap() error {
	if e.Kind == Timeout {
		return context.DeadlineExceeded
	}
	return nil
}

// kindOf returns the kind of failure that an HTTP status stands for.
func kindOf(status int) Kind {
	switch {
	case status == 401 || status == 403:
		return Unauthorized
	case status == 429:
		return RateLimited
	case status == 408 || status == 409 || status >= 500:
		return Unavailable
	}
	return Rejected
}
