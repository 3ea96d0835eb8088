package offline

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// setup returns what sends a request to a model of its own.
func setup(t *testing.T, opts Options) func(method, path, key, body string) *httptest.ResponseRecorder {
	t.Helper()
	opts.Now = func() time.Time { return time.Unix(1_700_000_000, 0) }
	model, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return func(method, path, key, body string) *httptest.ResponseRecorder {
		req := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		if key != "" {
			req.Header.Set("Authorization", "Bearer "+key)
		}
		rec := httptest.NewRecorder()
		model.ServeHTTP(rec, req)
		return rec
	}
}

func chat(model string, messages ...string) string {
	return `{"model":"` + model + `","messages":[` + strings.Join(messages, ",") + `],"tools":[{"type":"function","function":{"name":"get_current_time"}}]}`
}

const (
	hello    = `{"role":"user","content":"hello there"}`
	askTime  = `{"role":"user","content":[{"type":"text","text":"What TIME is it?"}]}`
	timeCall = `{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"get_current_time","arguments":"{}"}}]}`
	toolSays = `{"role":"tool","tool_call_id":"a","content":"2026-01-02 03:04:05 UTC"}`
)

func complete(t *testing.T, body string) completion {
	t.Helper()
	rec := setup(t, Options{})(http.MethodPost, "/v1/chat/completions", "", body)
	var c completion
	if err := json.Unmarshal(rec.Body.Bytes(), &c); err != nil || rec.Code != http.StatusOK || len(c.Choices) != 1 {
		t.Fatalf("POST %s = %d %s, %v; want a completion", body, rec.Code, rec.Body, err)
	}
	return c
}

func TestReply(t *testing.T) {
	t.Parallel()
	system := func(count string) string {
		return `{"role":"system","content":"Be kind. The user has sent ` + count + ` messages so far, so personalize."}`
	}
	for name, tc := range map[string]struct{ body, want string }{
		"first message":  {chat("m", system("0"), hello), `Welcome! This is your first message. I am the offline model, so I can only repeat what you said: "hello there"`},
		"second message": {chat("m", system("1"), hello), `Welcome back! You have sent 1 message so far. I am the offline model, so I can only repeat what you said: "hello there"`},
		"later message":  {chat("m", system("12"), hello), `Welcome back! You have sent 12 messages so far. I am the offline model, so I can only repeat what you said: "hello there"`},
		"no count":       {chat("m", hello), `Hello! I am the offline model, so I can only repeat what you said: "hello there"`},
		"no tool":        {`{"model":"m","messages":[` + askTime + `]}`, `Hello! I am the offline model, so I can only repeat what you said: "What TIME is it?"`},
		"tool's result":  {chat("m", system("3"), askTime, timeCall, toolSays), `Welcome back! You have sent 3 messages so far. I am the offline model, so I pass on what my tools say: 2026-01-02 03:04:05 UTC`},
		"next message":   {chat("m", askTime, timeCall, toolSays, hello), `Hello! I am the offline model, so I can only repeat what you said: "hello there"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := complete(t, tc.body)
			choice := got.Choices[0]
			if choice.Message.Content == nil || *choice.Message.Content != tc.want || choice.FinishReason != "stop" {
				t.Errorf("choice = %+v; want %q", choice, tc.want)
			}
			if got.Created != 1_700_000_000 || got.Usage.CompletionTokens != len(strings.Fields(tc.want)) || got.Usage.TotalTokens <= got.Usage.PromptTokens {
				t.Errorf("completion = %+v; want the clock's date and the words counted", got)
			}
			if again := complete(t, tc.body); again.ID != got.ID || !strings.HasPrefix(got.ID, "chatcmpl-") {
				t.Errorf("ids %q and %q of the same request; want one", got.ID, again.ID)
			}
		})
	}
}

func TestTimeIsAskedOfTheTool(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]bool{
		"What time is it?":       true,
		"tell me the TIME":       true,
		"read the clock for me":  true,
		"got some time for me?":  true,
		"sometimes?":             false,
		"I had no time":          false,
		"hello":                  false,
		"what about yesterday? ": false,
	} {
		message := complete(t, chat("m", `{"role":"user","content":"`+said+`"}`)).Choices[0]
		got := len(message.Message.ToolCalls) == 1
		if got != want {
			t.Errorf("%q has the tool called: %t; want %t", said, got, want)
		}
		if got && (message.FinishReason != "tool_calls" || message.Message.ToolCalls[0].Function != (function{"get_current_time", "{}"})) {
			t.Errorf("%q is answered with %+v; want get_current_time with {}", said, message)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	const path = "/v1/chat/completions"
	send := setup(t, Options{APIKey: "secret", MaxBodyBytes: 1000})
	for name, tc := range map[string]struct {
		method, path, key, body string
		status                  int
		want                    string
	}{
		"no key":             {"POST", path, "", chat("m", hello), 401, `{"error":{"message":"Incorrect API key provided.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}`},
		"wrong key":          {"GET", "/v1/models", "x", "", 401, `"invalid_api_key"`},
		"bad JSON":           {"POST", path, "secret", `{`, 400, `"type":"invalid_request_error"`},
		"no messages":        {"POST", path, "secret", chat("m"), 400, "messages must not be empty"},
		"no model":           {"POST", path, "secret", chat("", hello), 400, "model is missing"},
		"too large":          {"POST", path, "secret", chat("m", `{"role":"user","content":"`+strings.Repeat("x", 1000)+`"}`), 413, "larger than 1000 bytes"},
		"unanswered call":    {"POST", path, "secret", chat("m", askTime, timeCall), 400, `not answered`},
		"call passed over":   {"POST", path, "secret", chat("m", askTime, timeCall, hello), 400, `not answered`},
		"answer to nothing":  {"POST", path, "secret", chat("m", toolSays), 400, `no tool call has the id`},
		"answered twice":     {"POST", path, "secret", chat("m", timeCall, toolSays, toolSays), 400, `answered already`},
		"arguments not JSON": {"POST", path, "secret", chat("m", strings.Replace(timeCall, `"{}"`, `"{"`, 1), toolSays), 400, `not JSON`},
		"unknown behaviour":  {"POST", path, "secret", chat("m?x=1", hello), 400, `unknown behaviour`},
		"bad value":          {"POST", path, "secret", chat("m?tools=none", hello), 400, `behaviour tools: \"none\" is not a possible value`},
		"bad delay":          {"POST", path, "secret", chat("m?delay=soon", hello), 400, `behaviour delay`},
		"bad status":         {"POST", path, "secret", chat("m?status=302", hello), 400, `behaviour status`},
		"unknown route":      {"GET", "/v1/embeddings", "secret", "", 404, `Unknown request URL: GET /v1/embeddings`},
		"wrong method":       {"GET", path, "secret", "", 405, `Not allowed to GET`},
		"told status":        {"POST", path, "secret", chat("m?status=429&retry_after=7", hello), 429, `"type":"rate_limit_error"`},
		"key in the message": {"POST", path, "secret", chat("m?status=500", hello), 500, `API key secret`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := send(tc.method, tc.path, tc.key, tc.body)
			if rec.Code != tc.status || !strings.Contains(rec.Body.String(), tc.want) || !strings.HasPrefix(rec.Body.String(), `{"error":{"message":`) {
				t.Errorf("answer = %d %s; want %d with %s", rec.Code, rec.Body, tc.status, tc.want)
			}
			if retry := rec.Header().Get("Retry-After"); (retry == "7") != (tc.status == 429) {
				t.Errorf("Retry-After = %q", retry)
			}
		})
	}
}

func TestModels(t *testing.T) {
	t.Parallel()
	rec := setup(t, Options{})(http.MethodGet, "/v1/models", "any", "")
	if want := `{"object":"list","data":[{"id":"offline","object":"model","created":1700000000,"owned_by":"daca"}]}` + "\n"; rec.Body.String() != want {
		t.Errorf("models = %s; want %s", rec.Body, want)
	}
}
