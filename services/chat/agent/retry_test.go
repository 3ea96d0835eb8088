package agent

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestFailuresThatPassAreTriedAgain(t *testing.T) {
	t.Parallel()
	for _, behaviour := range []string{
		"status=408", "status=409", "status=429", "status=500", "status=503", "status=429&retry_after=1", "hangup",
	} {
		t.Run(behaviour, func(t *testing.T) {
			t.Parallel()
			for _, observe := range []func(Event){nil, func(Event) {}} {
				s := setup(t, Config{Model: "offline?fail_first=2&" + behaviour})
				answer, err := s.agent.Run(t.Context(), Request{Text: "hi", Observe: observe})
				if err != nil || answer.Reply == "" {
					t.Errorf("Run = %+v, %v; want the third answer", answer, err)
				}
				if asked := len(s.requests()); asked != 3 {
					t.Errorf("the model was asked %d times; want 3", asked)
				}
			}
		})
	}
}

func TestOtherFailuresAreNotTriedAgain(t *testing.T) {
	t.Parallel()
	for behaviour, cfg := range map[string]Config{
		"status=400":                {},
		"status=401":                {},
		"status=404":                {},
		"body=empty":                {},
		"body=broken":               {},
		"status=503&retry_after=20": {},                              // too long a wait
		"status=503&retry_after=4":  {ModelTimeout: 3 * time.Second}, // the wait would outlast it
	} {
		t.Run(behaviour, func(t *testing.T) {
			t.Parallel()
			cfg.Model = "offline?" + behaviour
			for _, observe := range []func(Event){nil, func(Event) {}} {
				s := setup(t, cfg)
				_, err := s.agent.Run(t.Context(), Request{Text: "hi", Observe: observe})
				failure, ok := errors.AsType[*Error](err)
				if asked := len(s.requests()); asked != 1 || !ok || failure.Kind == Timeout {
					t.Errorf("the model was asked %d times: %v; want once, and the failure itself", asked, err)
				}
			}
		})
	}
}

func TestFailuresEndAfterThreeAttempts(t *testing.T) {
	t.Parallel()
	s := setup(t, Config{Model: "offline?status=500"})
	_, err := s.run(t.Context(), "", "hi")
	if failure, ok := errors.AsType[*Error](err); !ok || failure.Status != 500 || len(s.requests()) != 3 {
		t.Errorf("Run = %v after %d attempts; want status 500 after 3", err, len(s.requests()))
	}
	waits := s.waited()
	if len(waits) != 2 || waits[0] < retryWait || waits[1] < 2*retryWait || waits[1] > 3*retryWait {
		t.Errorf("the waits between the attempts were %s; want about %s and twice that", waits, retryWait)
	}
}

// answering returns an agent whose model gives one answer to all requests, and the
// number of requests.
func answering(t *testing.T, status int, body string) (*fixture, *atomic.Int32) {
	t.Helper()
	asked := new(atomic.Int32)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return setup(t, Config{BaseURL: server.URL + "/v1", Tools: []Tool{clockThat(works)}, MaxTurns: 1}), asked
}

func TestAQuotaThatIsUsedUpIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	s, asked := answering(t, 429, `{"error":{"message":"pay","code":"insufficient_quota"}}`)
	_, err := s.run(t.Context(), "", "hi")
	if failure, ok := errors.AsType[*Error](err); !ok || failure.Kind != RateLimited || asked.Load() != 1 {
		t.Errorf("Run = %v after %d attempts", err, asked.Load())
	}
}

// TestTextsThatAreTooLong holds that they are told from other requests that a provider
// refuses. The messages are those of OpenAI, vLLM and Gemini.
func TestTextsThatAreTooLong(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		status int
		body   string
		want   Kind
	}{
		{400, `{"error":{"message":"Too many.","code":"context_length_exceeded"}}`, TooLong},
		{400, `{"object":"error","message":"This model's maximum context length is 4096 tokens."}`, TooLong},
		{400, `[{"error":{"code":400,"message":"The input token count exceeds the maximum number of tokens"}}]`, TooLong},
		{413, `too large`, TooLong},
		{400, `{"error":{"message":"There is no such parameter."}}`, Rejected},
		{404, `{"error":{"message":"No model of that context length."}}`, Rejected},
	} {
		s, _ := answering(t, tc.status, tc.body)
		_, err := s.run(t.Context(), "", "hi")
		if failure, ok := errors.AsType[*Error](err); !ok || failure.Kind != tc.want {
			t.Errorf("after %d %s: %v; want %s", tc.status, tc.body, err, tc.want)
		}
	}
}

func TestAnswersThatAreCutOffSaySo(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]string{
		"stop": "Once upon a", "length": "reached the model's limit", "content_filter": "filter stopped it",
	} {
		s, _ := answering(t, 200, fmt.Sprintf(
			`{"choices":[{"message":{"role":"assistant","content":"Once upon a"},"finish_reason":%q}]}`, reason))
		reply, err := s.run(t.Context(), "", "hi")
		if err != nil || !strings.HasPrefix(reply, "Once upon a") || !strings.Contains(reply, want) ||
			reason == "stop" && reply != want {
			t.Errorf("finish_reason %s: Run = %q, %v", reason, reply, err)
		}
	}
}

// TestNamesOfUnknownToolsAreCleaned holds that neither the log nor the history gets
// more of them than a name can have.
func TestNamesOfUnknownToolsAreCleaned(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		strings.Repeat("x", 1<<19): strings.Repeat("x", 64),
		"get time!\u00e9":          "get_time__",
		"":                         "_",
		"get_current-time7":        "get_current-time7",
	} {
		s, _ := answering(t, 200, fmt.Sprintf(
			`{"choices":[{"message":{"role":"assistant","tool_calls":[{"id":"a","type":"function",`+
				`"function":{"name":%q,"arguments":"{}"}}]}}]}`, name))
		answer, _ := s.agent.Run(t.Context(), Request{Text: "hi"}) // it makes one turn
		if len(answer.Messages) != 2 {
			t.Fatalf("%.20q: the run has the messages %+v; want the call and its result", name, answer.Messages)
		}
		if got := answer.Messages[0].ToolCalls[0].Name; got != want {
			t.Errorf("%.20q goes back as %.100q; want %q", name, got, want)
		}
		told := answer.Messages[1].Content
		if len(told) > 500 || len(s.logged()) > 1000 || !strings.Contains(told, want) {
			t.Errorf("%.20q: the model is told %d bytes %.100q, the log has %d bytes",
				name, len(told), told, len(s.logged()))
		}
	}
}
