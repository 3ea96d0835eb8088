package agent

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/sashabaranov/go-openai"
)

const (
	maxRetries = 2
	// maxRetryWait is the longest wait between two attempts that a provider can ask
	// for. Whoever has to wait longer is told so, and holds no request meanwhile.
	maxRetryWait = 5 * time.Second
	retryWait    = 300 * time.Millisecond // before the first retry; twice that before the second
)

// complete sends the request, and again if the failure may pass: a broken connection,
// or a status of 408, 409, 429, 500 or above. All attempts and waits end with ctx, and
// nothing is tried again after a part of the text was passed on.
func (c *conversation) complete(ctx context.Context, request openai.ChatCompletionRequest) (reply, error) {
	for retry := 0; ; retry++ {
		answer, err := c.attempt(ctx, request)
		if err == nil || retry == maxRetries || answer.Content != "" || !c.mayPass(err) {
			return answer, err
		}
		wait := retryWait << retry
		wait += rand.N(wait / 2)
		wait = max(wait, c.http.latest.retryAfter)
		if wait > maxRetryWait || time.Until(c.deadline(ctx)) <= wait {
			return answer, err
		}
		c.agent.cfg.Logger.InfoContext(ctx, "asking the model again",
			"status", c.http.latest.status, "error", c.redact(err.Error()), "wait", wait.String())
		c.agent.pause(ctx, wait)
		if ctx.Err() != nil {
			return answer, err
		}
	}
}

// deadline returns when the request ends if nothing comes.
func (c *conversation) deadline(ctx context.Context) time.Time {
	if deadline, limited := ctx.Deadline(); limited && deadline.Before(c.until) {
		return deadline
	}
	return c.until
}

func pause(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// mayPass reports whether asking again may help after the error.
func (c *conversation) mayPass(err error) bool {
	switch status := c.http.latest.status; {
	case status == http.StatusTooManyRequests:
		return codeOf(err) != "insufficient_quota" // which takes money, and not time
	case status == http.StatusRequestTimeout, status == http.StatusConflict:
		return true
	case status >= http.StatusBadRequest:
		return status >= http.StatusInternalServerError
	}
	return c.http.latest.broke
}
