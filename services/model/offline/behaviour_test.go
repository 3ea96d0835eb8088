package offline

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sashabaranov/go-openai"
)

func TestFailFirst(t *testing.T) {
	t.Parallel()
	send := setup(t, Options{Behaviour: "fail_first=1"})
	for _, tc := range []struct {
		model string
		want  []int
	}{
		{"a", []int{500, 200, 200}},
		{"b", []int{500, 200}},
		{"c?fail_first=2&status=503", []int{503, 503, 200, 200}},
		{"d?fail_first=0", []int{200}},
	} {
		var got []int
		for range tc.want {
			got = append(got, send(http.MethodPost, "/v1/chat/completions", "", chat(tc.model, hello)).Code)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("model %s answers %v; want %v", tc.model, got, tc.want)
		}
	}
}

func TestRequestOverridesTheDefault(t *testing.T) {
	t.Parallel()
	send := setup(t, Options{Behaviour: "status=500&retry_after=9"})
	for model, want := range map[string]int{"m": 500, "m?status=429": 429, "m?status=200": 200} {
		rec := send(http.MethodPost, "/v1/chat/completions", "", chat(model, hello))
		if rec.Code != want || (rec.Header().Get("Retry-After") == "9") != (want != 200) {
			t.Errorf("model %s: answer = %d with Retry-After %q; want %d",
				model, rec.Code, rec.Header().Get("Retry-After"), want)
		}
	}
	if _, err := New(Options{Behaviour: "speed=9"}); err == nil {
		t.Error("New accepts an unknown behaviour")
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body   string
		giveUp time.Duration
		want   time.Duration
	}{
		"an answer":             {chat("m?delay=2s", hello), time.Hour, 2 * time.Second},
		"an error":              {chat("m?delay=2s&status=500", hello), time.Hour, 2 * time.Second},
		"each chunk":            {streamed("m?delay=2s&body=empty", hello), time.Hour, 4 * time.Second},
		"until the client left": {chat("m?delay=2s", hello), time.Second, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tc.giveUp)
				defer cancel()
				model, err := New(Options{})
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/chat/completions", strings.NewReader(tc.body))
				model.ServeHTTP(httptest.NewRecorder(), req)
				if took := time.Since(start); took != tc.want {
					t.Errorf("the answer took %s; want %s", took, tc.want)
				}
			})
		})
	}
}

func TestToolBehaviours(t *testing.T) {
	t.Parallel()
	for tools, want := range map[string][]function{
		"parallel":  {{timeTool, `{"n":1}`}, {timeTool, `{"n":2}`}, {timeTool, `{"n":3}`}},
		"malformed": {{timeTool, `{"zone": UTC`}},
		"unknown":   {{"no_such_tool", "{}"}},
		"empty":     {{timeTool, ""}},
		"text":      {{timeTool, "{}"}},
		"ollama":    {{timeTool, `{"n":1}`}, {timeTool, `{"n":2}`}},
		"noid":      {{timeTool, `{"n":1}`}, {timeTool, `{"n":2}`}},
		"gemini":    {{timeTool, "{}"}, {timeTool, "{}"}},
		"forever":   {{timeTool, "{}"}},
	} {
		first := complete(t, chat("m?tools="+tools, hello)).Choices[0]
		var got []function
		for _, call := range first.Message.ToolCalls {
			got = append(got, call.Function)
			if (call.ID == "") != (tools == "noid") || (call.Extra != nil) != (tools == "gemini") {
				t.Errorf("tools=%s: call = %+v", tools, call)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("tools=%s calls %v; want %v", tools, got, want)
		}
		if (first.Message.Content != nil) != (tools == "text") || (first.FinishReason == "stop") != (tools == "gemini") {
			t.Errorf("tools=%s: choice = %+v", tools, first)
		}
	}
	for _, tools := range []string{"malformed", "unknown", "forever"} {
		first := complete(t, chat("m?tools="+tools, hello, timeCall, toolSays)).Choices[0]
		if len(first.Message.ToolCalls) != 1 || first.Message.ToolCalls[0].Function != (function{timeTool, "{}"}) {
			t.Errorf("tools=%s continues with %+v; want a good call", tools, first)
		}
	}
}

func TestGeminiWantsItsSignatures(t *testing.T) {
	t.Parallel()
	send := setup(t, Options{})
	rec := send(http.MethodPost, "/v1/chat/completions", "", chat("m?tools=gemini", hello, timeCall, toolSays))
	if rec.Code != http.StatusBadRequest || !strings.Contains(rec.Body.String(), "lacks its thought_signature") {
		t.Errorf("answer = %d %s; want 400", rec.Code, rec.Body)
	}
	first := complete(t, chat("m?tools=gemini", hello)).Choices[0].Message.ToolCalls
	other := complete(t, chat("m?tools=gemini", askTime)).Choices[0].Message.ToolCalls
	if first[0].Extra.Google == first[1].Extra.Google || first[0].Extra.Google == other[0].Extra.Google {
		t.Errorf("signatures of %+v and %+v are not all different", first, other)
	}
}

func TestBrokenConnections(t *testing.T) {
	t.Parallel()
	model := client(t)
	for query, want := range map[string]error{"hangup": io.EOF, "body=broken": io.ErrUnexpectedEOF} {
		_, err := model.CreateChatCompletion(t.Context(), openai.ChatCompletionRequest{
			Model: "m?" + query, Messages: []openai.ChatCompletionMessage{{Role: "user", Content: "hi"}},
		})
		if !errors.Is(err, want) {
			t.Errorf("%s: error = %v; want %v", query, err, want)
		}
	}
}
