package agent

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	maxAnswerBytes = 4 << 20
	maxRetryAfter  = 24 * time.Hour
)

// transport sends the requests of one conversation. It adds what go-openai has no place
// for, and keeps what it drops: Retry-After, the stream itself, and the extra_content of
// tool calls. Gemini puts a signature there and refuses history in which it is missing.
type transport struct {
	http    *http.Client
	options map[string]json.RawMessage // fields that are added to each request
	extras  map[string]json.RawMessage // extra_content, by the id of the call
	latest  exchange
}

// exchange is the state of a request.
type exchange struct {
	sent       bool
	answered   bool // whether an answer has begun
	broke      bool // whether the connection failed, before the answer or within it
	status     int
	retryAfter time.Duration
	stream     io.ReadCloser // the answer, if it is streamed
	body       []byte        // the answer otherwise
}

// Do sends the request. It reads the whole answer, unless that is a stream.
func (t *transport) Do(req *http.Request) (*http.Response, error) {
	if err := t.complete(req); err != nil {
		return nil, fmt.Errorf("completing the request: %w", err)
	}
	t.latest = exchange{sent: true}
	res, err := t.http.Do(req)
	if err != nil {
		t.latest.broke = isBroken(req.Context(), err)
		return nil, err
	}
	t.latest.answered = true
	t.latest.status = res.StatusCode
	if isStream(req, res) {
		t.latest.stream = res.Body
		res.Body = http.NoBody // go-openai's reader of streams loses errors and extra_content
		return res, nil
	}
	defer res.Body.Close()
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
	t.latest.body = body
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// isStream reports whether the answer is streamed. Some servers answer with JSON to a
// request for a stream.
func isStream(req *http.Request, res *http.Response) bool {
	return req.Header.Get("Accept") == "text/event-stream" && res.StatusCode < http.StatusMultipleChoices &&
		!strings.HasPrefix(res.Header.Get("Content-Type"), "application/json")
}

// isBroken reports whether err is a failure of the connection that may pass. The end of
// ctx is none, and neither is a certificate that is not accepted.
func isBroken(ctx context.Context, err error) bool {
	return ctx.Err() == nil && !errors.As(err, new(*tls.CertificateVerificationError))
}

// extrasOf returns the extra_content of an answer with tool calls.
func extrasOf(body []byte) []json.RawMessage {
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
		return nil
	}
	var extras []json.RawMessage
	for _, call := range answer.Choices[0].Message.ToolCalls {
		extras = append(extras, call.Extra)
	}
	return extras
}

// complete adds the options to the request, and their extra_content to tool calls.
func (t *transport) complete(req *http.Request) error {
	if len(t.options) == 0 && len(t.extras) == 0 {
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
	maps.Copy(request, t.options)
	if len(t.extras) > 0 {
		if request["messages"], err = t.withExtras(request["messages"]); err != nil {
			return err
		}
	}
	if body, err = json.Marshal(request); err != nil {
		return err
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	req.ContentLength = int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return nil
}

func (t *transport) withExtras(encoded json.RawMessage) (json.RawMessage, error) {
	var messages []map[string]json.RawMessage
	if err := json.Unmarshal(encoded, &messages); err != nil {
		return nil, err
	}
	for _, message := range messages {
		if message["tool_calls"] == nil {
			continue
		}
		var calls []map[string]json.RawMessage
		if err := json.Unmarshal(message["tool_calls"], &calls); err != nil {
			return nil, err
		}
		for _, call := range calls {
			var id string
			if err := json.Unmarshal(call["id"], &id); err != nil {
				return nil, err
			}
			if extra, ok := t.extras[id]; ok {
				call["extra_content"] = extra
			}
		}
		var err error
		if message["tool_calls"], err = json.Marshal(calls); err != nil {
			return nil, err
		}
	}
	return json.Marshal(messages)
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
