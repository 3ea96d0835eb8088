package offline

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// setup returns a function that sends requests to a new model.
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

// chat is the body of a request that offers the tool.
func chat(model string, messages ...string) string {
	return `{"model":"` + model + `","messages":[` + strings.Join(messages, ",") + `],` +
		`"tools":[{"type":"function","function":{"name":"get_current_time"}}]}`
}

const (
	hello    = `{"role":"user","content":"hello there"}`
	askTime  = `{"role":"user","content":[{"type":"text","text":"What TIME is it?"}]}`
	timeCall = `{"role":"assistant","content":null,"tool_calls":[` +
		`{"id":"a","type":"function","function":{"name":"get_current_time","arguments":"{}"}}]}`
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
	const (
		repeats  = ` I am the offline model, so I can only repeat what you said: "hello there"`
		passesOn = ` I am the offline model, so I pass on what my tools say: 2026-01-02 03:04:05 UTC`
	)
	for name, tc := range map[string]struct{ body, want string }{
		"first message":  {chat("m", system("0"), hello), "Welcome! This is your first message." + repeats},
		"second message": {chat("m", system("1"), hello), "Welcome back! You had sent 1 message before this one." + repeats},
		"later message": {
			chat("m", system("12"), hello), "Welcome back! You had sent 12 messages before this one." + repeats,
		},
		"no count": {chat("m", hello), "Hello!" + repeats},
		"no tool": {
			`{"model":"m","messages":[` + askTime + `]}`,
			`Hello! I am the offline model, so I can only repeat what you said: "What TIME is it?"`,
		},
		"tool's result": {
			chat("m", system("3"), askTime, timeCall, toolSays),
			"Welcome back! You had sent 3 messages before this one." + passesOn,
		},
		"next message": {chat("m", askTime, timeCall, toolSays, hello), "Hello!" + repeats},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := complete(t, tc.body)
			first := got.Choices[0]
			if first.Message.Content == nil || *first.Message.Content != tc.want || first.FinishReason != "stop" {
				t.Errorf("first = %+v; want %q", first, tc.want)
			}
			if words := len(strings.Fields(tc.want)); got.Created != 1_700_000_000 ||
				got.Usage.CompletionTokens != words || got.Usage.TotalTokens <= got.Usage.PromptTokens {
				t.Errorf("completion = %+v; want the clock's date and the words counted", got)
			}
			if again := complete(t, tc.body); again.ID != got.ID || !strings.HasPrefix(got.ID, "chatcmpl-") {
				t.Errorf("ids %q and %q of the same request; want one", got.ID, again.ID)
			}
		})
	}
}

func TestQuestionsForTheTimeCallTheTool(t *testing.T) {
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
		first := complete(t, chat("m", `{"role":"user","content":"`+said+`"}`)).Choices[0]
		got := len(first.Message.ToolCalls) == 1
		if got != want {
			t.Errorf("%q has the tool called: %t; want %t", said, got, want)
		}
		if !got {
			continue
		}
		want := function{"get_current_time", "{}"}
		if first.FinishReason != "tool_calls" || first.Message.ToolCalls[0].Function != want {
			t.Errorf("%q is answered with %+v; want %+v", said, first, want)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	const path = "/v1/chat/completions"
	send := setup(t, Options{APIKey: "secret", MaxBodyBytes: 1000})
	type request struct{ method, path, key, body string }
	post := func(body string) request { return request{"POST", path, "secret", body} }
	large := chat("m", `{"role":"user","content":"`+strings.Repeat("x", 1000)+`"}`)
	brokenCall := strings.Replace(timeCall, `"{}"`, `"{"`, 1)
	for name, tc := range map[string]struct {
		request
		status int
		want   string
	}{
		"no key": {
			request{"POST", path, "", chat("m", hello)}, 401,
			`{"error":{"message":"Incorrect API key provided.","type":"invalid_request_error",` +
				`"param":null,"code":"invalid_api_key"}}`,
		},
		"wrong key":          {request{"GET", "/v1/models", "x", ""}, 401, `"invalid_api_key"`},
		"bad JSON":           {post(`{`), 400, `"type":"invalid_request_error"`},
		"no messages":        {post(chat("m")), 400, "messages must not be empty"},
		"no model":           {post(chat("", hello)), 400, "model is missing"},
		"too large":          {post(large), 413, "larger than 1000 bytes"},
		"unanswered call":    {post(chat("m", askTime, timeCall)), 400, "not answered"},
		"call passed over":   {post(chat("m", askTime, timeCall, hello)), 400, "not answered"},
		"answer to nothing":  {post(chat("m", toolSays)), 400, "no tool call has the id"},
		"answered twice":     {post(chat("m", timeCall, toolSays, toolSays)), 400, "answered already"},
		"arguments not JSON": {post(chat("m", brokenCall, toolSays)), 400, "not JSON"},
		"unknown behaviour":  {post(chat("m?x=1", hello)), 400, "unknown behaviour"},
		"bad value":          {post(chat("m?tools=none", hello)), 400, `behaviour tools: \"none\" is not a possible value`},
		"bad delay":          {post(chat("m?delay=soon", hello)), 400, "behaviour delay"},
		"negative delay":     {post(chat("m?delay=-1s", hello)), 400, "behaviour delay"},
		"bad status":         {post(chat("m?status=302", hello)), 400, "behaviour status"},
		"bad break":          {post(chat("m?break_after=-1", hello)), 400, "behaviour break_after"},
		"too many words":     {post(chat("m?words=1000000", hello)), 400, "behaviour words"},
		"bad hang-up":        {post(chat("m?hangup=maybe", hello)), 400, "behaviour hangup"},
		"unknown route":      {request{"GET", "/v1/embeddings", "secret", ""}, 404, "URL: GET /v1/embeddings"},
		"wrong method":       {request{"GET", path, "secret", ""}, 405, "Not allowed to GET"},
		"chosen status":      {post(chat("m?status=429&retry_after=7", hello)), 429, `"type":"rate_limit_error"`},
		"key in the message": {post(chat("m?status=500", hello)), 500, "API key secret"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := send(tc.method, tc.path, tc.key, tc.body)
			body := rec.Body.String()
			if rec.Code != tc.status || !strings.Contains(body, tc.want) || !strings.HasPrefix(body, `{"error":{"message":`) {
				t.Errorf("answer = %d %s; want %d with %s", rec.Code, body, tc.status, tc.want)
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
	const want = `{"object":"list","data":[` +
		`{"id":"offline","object":"model","created":1700000000,"owned_by":"daca"}]}` + "\n"
	if rec.Body.String() != want {
		t.Errorf("models = %s; want %s", rec.Body, want)
	}
}

// TestTooManyValues holds that a request is refused before it is decoded to many times
// its size, even if it has the same name twice.
func TestTooManyValues(t *testing.T) {
	t.Parallel()
	send := setup(t, Options{})
	body := `{"model":"m","messages":[],"messages":[` + strings.Repeat("{},", maxValues/2) + `{}]}`
	rec := send("POST", "/v1/chat/completions", "", body)
	if rec.Code != 400 || !strings.Contains(rec.Body.String(), "more than 5000 values") {
		t.Errorf("%d messages are answered %d %.200s; want 400", maxValues/2+1, rec.Code, rec.Body)
	}
}
