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
// or a status of 408, 409, 429, 500 or above. All attempts and waits end with ctx.
func (c *conversation) complete(
	ctx context.Context, request openai.ChatCompletionRequest,
) (openai.ChatCompletionResponse, error) {
	for retry := 0; ; retry++ {
		answer, err := c.client.CreateChatCompletion(ctx, request)
		if err == nil || retry == maxRetries || !c.mayPass(err) {
			return answer, err
		}
		wait := retryWait << retry
		wait += rand.N(wait / 2)
		wait = max(wait, c.http.latest.retryAfter)
		deadline, limited := ctx.Deadline()
		if wait > maxRetryWait || limited && time.Until(deadline) <= wait {
			return answer, err
		}
		c.agent.cfg.Logger.InfoContext(ctx, "asking the model again",
			"status", c.http.latest.status, "error", c.redact(err.Error()), "wait", wait.String())
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return answer, err
		}
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
