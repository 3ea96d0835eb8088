package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/sashabaranov/go-openai"
)

// failure explains why a request to the model failed. The provider's words go only
// to the log, without the key.
func (c *conversation) failure(ctx context.Context, err error) *Error {
	if own, ok := errors.AsType[*Error](err); ok {
		return own
	}
	failure := &Error{Kind: Unavailable, RetryAfter: c.http.latest.retryAfter}
	var (
		netErr  net.Error
		opErr   *net.OpError
		certErr *tls.CertificateVerificationError
	)
	switch {
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		failure.Kind = Timeout
		failure.cause = "no answer in time"
	case !c.http.latest.sent:
		failure.Kind = Rejected
		failure.cause = c.redact(err.Error())
	case errors.As(err, &opErr):
		failure.cause = c.redact(opErr.Error())
	case errors.As(err, &certErr):
		failure.cause = c.redact(certErr.Error())
	case c.http.latest.answered:
		failure.cause = "the answer is not a chat completion, or not a whole one"
	default:
		failure.cause = "the connection broke before there was an answer"
	}
	words := wordsOf(err)
	// go-openai knows the status only if the body has OpenAI's shape.
	if status := c.http.latest.status; status >= http.StatusBadRequest {
		failure.Status = status
		failure.Kind = kindOf(status)
		failure.cause = fmt.Sprintf("the provider answered status %d", status)
		if isTooLong(status, codeOf(err), words) {
			failure.Kind = TooLong
		}
	}
	c.agent.cfg.Logger.WarnContext(ctx, "asking the model failed", "error", failure, "details", c.redact(words))
	return failure
}

// wordsOf returns what the provider said in its error.
func wordsOf(err error) string {
	var (
		apiErr     *openai.APIError
		requestErr *openai.RequestError
	)
	switch {
	case errors.As(err, &requestErr): // first, because it may wrap an empty APIError
		return string(requestErr.Body)
	case errors.As(err, &apiErr):
		return apiErr.Message
	}
	return err.Error()
}

// codeOf returns OpenAI's code of an error, or nothing.
func codeOf(err error) string {
	var apiErr *openai.APIError
	if !errors.As(err, &apiErr) {
		return ""
	}
	code, _ := apiErr.Code.(string)
	return code
}

// isTooLong reports whether the provider refused the request because it has more text
// than the model takes. Only OpenAI has a code for it.
func isTooLong(status int, code, words string) bool {
	if status != http.StatusBadRequest && status != http.StatusUnprocessableEntity {
		return status == http.StatusRequestEntityTooLarge
	}
	if code == "context_length_exceeded" || code == "string_above_max_length" {
		return true
	}
	words = strings.ToLower(words)
	return slices.ContainsFunc([]string{
		"context length", "context window", "maximum number of tokens", "maximum context", "prompt is too long",
	}, func(phrase string) bool { return strings.Contains(words, phrase) })
}

// refusesUsage reports whether the provider refused the request because it asks for the
// usage in a stream. Mistral and some gateways do.
func (c *conversation) refusesUsage(err error) bool {
	status := c.http.latest.status
	if status != http.StatusBadRequest && status != http.StatusUnprocessableEntity {
		return false
	}
	words := strings.ToLower(wordsOf(err))
	return slices.ContainsFunc([]string{"stream_options", "include_usage", "stream options"},
		func(phrase string) bool { return strings.Contains(words, phrase) })
}
