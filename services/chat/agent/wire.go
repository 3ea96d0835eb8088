package agent

import (
	"bytes"
	"encoding/json"
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

// wire carries the requests of one conversation and looks after what go-openai
// drops: Retry-After, and the extra_content of tool calls. Gemini signs its
// calls there and refuses them when they come back without.
type wire struct {
	http *http.Client

	// Of the latest request: whether it left, whether an answer began, and the
	// answer's status and Retry-After.
	sent, answered bool
	status         int
	retryAfter     time.Duration

	extras [][]json.RawMessage // by turn with tool calls, and call
}

// Do sends the request and reads the whole answer.
func (w *wire) Do(req *http.Request) (*http.Response, error) {
	if err := w.restore(req); err != nil {
		return nil, fmt.Errorf("restoring extra_content: %w", err)
	}
	w.sent, w.answered, w.status, w.retryAfter = true, false, 0, 0
	res, err := w.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	w.answered, w.status = true, res.StatusCode
	if res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusServiceUnavailable {
		w.retryAfter = parseRetryAfter(res.Header.Get("Retry-After"), time.Now())
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if len(body) > maxAnswerBytes {
		return nil, fmt.Errorf("the answer is larger than %d bytes", maxAnswerBytes)
	}
	w.record(body)
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// record keeps the extra_content of an answer with tool calls. Whether the
// answer is one at all is found out by go-openai.
func (w *wire) record(body []byte) {
	var answer struct {
		Choices []struct {
			Message struct {
				ToolCalls []struct {
					Extra json.RawMessage `json:"extra_content"`
				} `json:"tool_calls"`
			} `json:"message"`
		} `json:"choices"`
	}
	// A decoder, as in go-openai: both read the same even if more follows.
	if json.NewDecoder(bytes.NewReader(body)).Decode(&answer) != nil || len(answer.Choices) == 0 {
		return
	}
	var extras []json.RawMessage
	for _, call := range answer.Choices[0].Message.ToolCalls {
		extras = append(extras, call.Extra)
	}
	if extras != nil {
		w.extras = append(w.extras, extras)
	}
}

// restore puts what was recorded back into the tool calls of the request.
func (w *wire) restore(req *http.Request) error {
	if !w.hasExtras() {
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
	turns := w.extras
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
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return nil
}

func (w *wire) hasExtras() bool {
	return slices.ContainsFunc(w.extras, func(turn []json.RawMessage) bool { return slices.ContainsFunc(turn, given) })
}

func addExtras(toolCalls json.RawMessage, extras []json.RawMessage) (json.RawMessage, error) {
	var calls []map[string]json.RawMessage
	if err := json.Unmarshal(toolCalls, &calls); err != nil {
		return nil, err
	}
	for i, call := range calls {
		if i < len(extras) && given(extras[i]) {
			call["extra_content"] = extras[i]
		}
	}
	return json.Marshal(calls)
}

func given(extra json.RawMessage) bool { return extra != nil && string(extra) != "null" }

// parseRetryAfter reads seconds or a date, and is 0 for anything else.
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
	transport := &http.Transport{}
	if standard, ok := http.DefaultTransport.(*http.Transport); ok {
		transport = standard.Clone()
	}
	transport.MaxIdleConnsPerHost = 100
	return &http.Client{Transport: transport}
}
