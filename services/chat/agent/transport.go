package agent

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
)

const (
	maxAnswerBytes = 4 << 20
	maxRetryAfter  = 24 * time.Hour
)

// transport sends the requests of one conversation and keeps what go-openai drops:
// Retry-After, and the extra_content of tool calls. Gemini puts a signature there
// and refuses history in which it is missing.
type transport struct {
	http   *http.Client
	latest exchange
	extras [][]json.RawMessage // for each turn with tool calls: extra_content by call
}

// exchange is the state of a request.
type exchange struct {
	sent       bool
	answered   bool // whether an answer has begun
	broke      bool // whether the connection failed, before the answer or within it
	status     int
	retryAfter time.Duration
}

// Do sends the request and reads the whole answer.
func (t *transport) Do(req *http.Request) (*http.Response, error) {
	if err := t.restore(req); err != nil {
		return nil, fmt.Errorf("restoring extra_content: %w", err)
	}
	t.latest = exchange{sent: true}
	res, err := t.http.Do(req)
	if err != nil {
		t.latest.broke = isBroken(req.Context(), err)
		return nil, err
	}
	defer res.Body.Close()
	t.latest.answered = true
	t.latest.status = res.StatusCode
	if res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusServiceUnavailable {
		t.latest.retryAfter = parseRetryAfter(res.Header.Get("Retry-After"), time.Now())
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes+1))
	if err != nil {
		t.latest.broke = isBroken(req.Context(), err)
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if len(body) > maxAnswerBytes {
		return nil, fmt.Errorf("the answer is larger than %d bytes", maxAnswerBytes)
	}
	t.record(body)
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// isBroken reports whether err is a failure of the connection that may pass. The end of
// ctx is none, and neither is a certificate that is not accepted.
func isBroken(ctx context.Context, err error) bool {
	return ctx.Err() == nil && !errors.As(err, new(*tls.CertificateVerificationError))
}

// record keeps the extra_content of an answer with tool calls. It ignores a body
// that is no answer, which go-openai reports.
func (t *transport) record(body []byte) {
	var answer struct {
		Choices []struct {
			Message struct {
				ToolCalls []struct {
					Extra json.RawMessage `json:"extra_content"`
				} `json:"tool_calls"`
			} `json:"message"`
		} `json:"choices"`
	}
	// go-openai uses a decoder too: both ignore what follows the first JSON value.
	if json.NewDecoder(bytes.NewReader(body)).Decode(&answer) != nil || len(answer.Choices) == 0 {
		return
	}
	var extras []json.RawMessage
	for _, call := range answer.Choices[0].Message.ToolCalls {
		extras = append(extras, call.Extra)
	}
	if extras != nil {
		t.extras = append(t.extras, extras)
	}
}

// restore puts the recorded extra_content back into the tool calls of the request.
func (t *transport) restore(req *http.Request) error {
	if !t.hasExtras() {
		return nil
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return err
	}
	var request map[string]json.RawMessage
	if err := json.Unmarshal(body, &request); err != nil {
		return err
	}
	var messages []map[string]json.RawMessage
	if err := json.Unmarshal(request["messages"], &messages); err != nil {
		return err
	}
	turns := t.extras
	for _, message := range messages {
		if message["tool_calls"] == nil || len(turns) == 0 {
			continue
		}
		if message["tool_calls"], err = addExtras(message["tool_calls"], turns[0]); err != nil {
			return err
		}
		turns = turns[1:]
	}
	if request["messages"], err = json.Marshal(messages); err != nil {
		return err
	}
	if body, err = json.Marshal(request); err != nil {
		return err
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	req.ContentLength = int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return nil
}

func (t *transport) hasExtras() bool {
	return slices.ContainsFunc(t.extras, func(turn []json.RawMessage) bool {
		return slices.ContainsFunc(turn, isGiven)
	})
}

func addExtras(toolCalls json.RawMessage, extras []json.RawMessage) (json.RawMessage, error) {
	var calls []map[string]json.RawMessage
	if err := json.Unmarshal(toolCalls, &calls); err != nil {
		return nil, err
	}
	for i, call := range calls {
		if i < len(extras) && isGiven(extras[i]) {
			call["extra_content"] = extras[i]
		}
	}
	return json.Marshal(calls)
}

func isGiven(extra json.RawMessage) bool { return extra != nil && string(extra) != "null" }

// parseRetryAfter reads a number of seconds or a date. It returns 0 for anything
// else, and at most maxRetryAfter.
func parseRetryAfter(header string, now time.Time) time.Duration {
	wait := time.Duration(0)
	if seconds, err := strconv.Atoi(header); err == nil {
		wait = time.Duration(min(seconds, int(maxRetryAfter.Seconds()))) * time.Second
	} else if date, err := http.ParseTime(header); err == nil {
		wait = date.Sub(now)
	}
	return max(0, min(wait, maxRetryAfter))
}

// newHTTPClient keeps more idle connections to the provider than the default
// client, which keeps two.
func newHTTPClient() *http.Client {
	pool := &http.Transport{}
	if standard, ok := http.DefaultTransport.(*http.Transport); ok {
		pool = standard.Clone()
	}
	pool.MaxIdleConnsPerHost = 100
	return &http.Client{Transport: pool}
}
