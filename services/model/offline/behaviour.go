package offline

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// behaviour is how a request is answered; the zero value is good behaviour. A
// request chooses it by the query of its model name, such as "offline?status=429",
// with these keys:
//
//	delay=2s       wait before the answer, or before each chunk of a stream
//	status=429     answer that error, with the API key in its message; 200 is none
//	retry_after=7  send this Retry-After with the error
//	hangup         close the connection without an answer
//	fail_first=2   fail in this way two times only; the default status is 500
//	body=plain     with an error: answer {"error":"…"}, as some servers do
//	body=broken    cut the answer off in the middle of its JSON
//	body=empty     answer without choices
//	body=blank     answer with text that is blank
//	body=error     answer 200 and an error; in a stream, after break_after chunks
//	break_after=3  close the connection after three chunks of a stream
//	words=500      answer with the numbers from 1 to 500
//	tools=…        call the clock in an unusual way, whatever the user says:
//	  parallel       three calls in one turn
//	  malformed      arguments that are not JSON, and then a good call
//	  unknown        a tool that does not exist, and then a good call
//	  empty          arguments that are the empty string
//	  text           text together with the call
//	  noid           two calls without ids
//	  gemini         as Gemini does: two calls, then one, with finish_reason
//	                 "stop", no index, and signatures that must come back
//	  ollama         as Ollama does: two calls, in streams with the same index
//	  forever        a call on every turn
//
// An empty value of tools or body turns a default off.
type behaviour struct {
	delay      time.Duration
	status     int
	retryAfter string
	hangup     bool
	failFirst  int
	body       string
	breakAfter *int // nil is never
	words      int
	tools      string
}

// slow is the delay of an answer that counts slowly.
const slow = 100 * time.Millisecond

// maxWords limits the words of an answer.
const maxWords = 100_000

// with returns b changed by the query. It fails on unknown keys and impossible
// values.
func (b behaviour) with(query string) (behaviour, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return b, fmt.Errorf("behaviour %q is not a query: %w", query, err)
	}
	for key, all := range values {
		if err := b.set(key, all[len(all)-1]); err != nil {
			return b, err
		}
	}
	return b, nil
}

func (b *behaviour) set(key, value string) error {
	ok := true
	var err error
	switch key {
	case "delay":
		b.delay, err = time.ParseDuration(value)
		ok = b.delay >= 0
	case "status":
		b.status, err = strconv.Atoi(value)
		ok = b.status == http.StatusOK || b.status >= 400 && b.status <= 599
		if b.status == http.StatusOK {
			b.status = 0
		}
	case "retry_after":
		b.retryAfter = value
		ok = value != ""
	case "hangup":
		b.hangup, err = strconv.ParseBool(cmp.Or(value, "true"))
	case "fail_first":
		b.failFirst, err = strconv.Atoi(value)
		ok = b.failFirst >= 0
	case "break_after":
		var chunks int
		chunks, err = strconv.Atoi(value)
		b.breakAfter = &chunks
		ok = chunks >= 0
	case "words":
		b.words, err = strconv.Atoi(value)
		ok = b.words >= 0 && b.words <= maxWords
	case "body":
		b.body = value
		ok = slices.Contains([]string{"", "plain", "broken", "empty", "blank", "error"}, value)
	case "tools":
		b.tools = value
		ok = slices.Contains([]string{
			"", "parallel", "malformed", "unknown", "empty", "text", "noid", "gemini", "ollama", "forever",
		}, value)
	default:
		return fmt.Errorf("unknown behaviour %q", key)
	}
	if err != nil || !ok {
		return fmt.Errorf("behaviour %s: %q is not a possible value", key, value)
	}
	return nil
}

// fails reports whether a request for the model is to fail. It counts the requests
// if fail_first limits the failures.
func (s *server) fails(b behaviour, model string) bool {
	if b.failFirst == 0 {
		return b.hangup || b.status != 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.requests[model] >= b.failFirst {
		return false
	}
	s.requests[model]++
	return true
}

// misbehave answers a request that is to fail. The message repeats the key, as some
// providers do, so that tests can check that nobody passes it on.
func misbehave(w http.ResponseWriter, r *http.Request, b behaviour) {
	if b.hangup {
		hangUp(w)
		return
	}
	if b.retryAfter != "" {
		w.Header().Set("Retry-After", b.retryAfter)
	}
	status := cmp.Or(b.status, http.StatusInternalServerError)
	e := newError(status, "told_to_fail", "The offline model was told to answer %d to the API key %s", status, bearer(r))
	if b.body == "plain" {
		answer(w, e.status, map[string]string{"error": e.Message})
		return
	}
	fail(w, e)
}

// hangUp closes the connection, within an answer too. Gin would not let go of it then,
// and would end the answer of a handler that panics as if it were whole.
func hangUp(w http.ResponseWriter) {
	for {
		wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = wrapper.Unwrap()
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_ = conn.Close()
}
