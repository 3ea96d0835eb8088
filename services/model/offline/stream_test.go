package offline

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sashabaranov/go-openai"
)

// client returns a client of a new model.
func client(t *testing.T) *openai.Client {
	t.Helper()
	model, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	local := httptest.NewServer(model)
	t.Cleanup(local.Close)
	config := openai.DefaultConfig("key")
	config.BaseURL = local.URL + "/v1"
	config.HTTPClient = local.Client()
	return openai.NewClientWithConfig(config)
}

// streamed is chat with a stream for an answer.
func streamed(model string, messages ...string) string {
	return strings.Replace(chat(model, messages...), `{`, `{"stream":true,"stream_options":{"include_usage":true},`, 1)
}

// TestStreamSaysTheSame reads a stream as a client does and compares it with the
// answer to the same request without a stream.
func TestStreamSaysTheSame(t *testing.T) {
	t.Parallel()
	model := client(t)

	for _, name := range []string{"m", "m?tools=text", "m?tools=parallel", "m?tools=gemini"} {
		req := openai.ChatCompletionRequest{
			Model:         name,
			Messages:      []openai.ChatCompletionMessage{{Role: "user", Content: "hello there"}},
			Tools:         []openai.Tool{{Type: "function", Function: &openai.FunctionDefinition{Name: timeTool}}},
			StreamOptions: &openai.StreamOptions{IncludeUsage: true},
		}
		whole, err := model.CreateChatCompletion(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		stream, err := model.CreateChatCompletionStream(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		var content, finish string
		var calls []openai.ToolCall
		var usage openai.Usage
		for {
			part, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if part.Usage != nil {
				usage = *part.Usage
				continue
			}
			content += part.Choices[0].Delta.Content
			finish += string(part.Choices[0].FinishReason)
			for _, piece := range part.Choices[0].Delta.ToolCalls {
				if i := piece.Index; i != nil && *i < len(calls) {
					calls[*i].Function.Arguments += piece.Function.Arguments
					continue
				}
				calls = append(calls, piece)
			}
		}
		want := whole.Choices[0]
		if content != want.Message.Content || finish != string(want.FinishReason) ||
			usage != whole.Usage || len(calls) != len(want.Message.ToolCalls) {
			t.Errorf("%s: streamed %q %q %v %+v; want %+v", name, content, finish, calls, usage, whole)
		}
		for i, call := range calls {
			if call.Function != want.Message.ToolCalls[i].Function || (call.Index == nil) != (name == "m?tools=gemini") {
				t.Errorf("%s: streamed call %+v; want %+v", name, call, want.Message.ToolCalls[i])
			}
		}
	}
}

func TestStreamOnTheWire(t *testing.T) {
	t.Parallel()
	rec := setup(t, Options{})(http.MethodPost, "/v1/chat/completions", "", streamed("m", hello))
	for header, want := range map[string]string{
		"Content-Type":      "text/event-stream",
		"Cache-Control":     "no-cache",
		"X-Accel-Buffering": "no",
	} {
		if got := rec.Header().Get(header); got != want {
			t.Errorf("%s = %q; want %q", header, got, want)
		}
	}
	events := strings.Split(strings.TrimSuffix(rec.Body.String(), "\n\n"), "\n\n")
	if last := events[len(events)-1]; last != "data: [DONE]" || !rec.Flushed {
		t.Errorf("the stream ends with %q, flushed: %t", last, rec.Flushed)
	}
	for _, event := range events[:len(events)-1] {
		data, ok := strings.CutPrefix(event, "data: ")
		if !ok || !json.Valid([]byte(data)) || !strings.Contains(data, `"object":"chat.completion.chunk"`) {
			t.Errorf("event %q is not a chunk", event)
		}
	}
	ollama := setup(t, Options{})(http.MethodPost, "/v1/chat/completions", "", streamed("m?tools=ollama", hello))
	if once := ollama.Body.String(); strings.Count(once, `"tool_calls":[{"index":0,"id":"call_`) != 2 {
		t.Errorf("tools=ollama answers %s; want two calls with the index 0", once)
	}
	broken := setup(t, Options{})(http.MethodPost, "/v1/chat/completions", "", streamed("m?body=broken", hello))
	if body := broken.Body.String(); strings.Contains(body, "[DONE]") || body == "" {
		t.Errorf("the broken stream is %q; want half a chunk", body)
	}
}

// TestStreamsThatBreak reads them over a connection.
func TestStreamsThatBreak(t *testing.T) {
	t.Parallel()
	model := client(t)
	for query, want := range map[string]struct {
		chunks int
		err    string
	}{
		"break_after=3":            {3, "unexpected EOF"},
		"break_after=0":            {0, "EOF"},
		"body=error":               {0, "told to fail"},
		"body=error&break_after=2": {2, "told to fail"},
	} {
		stream, err := model.CreateChatCompletionStream(t.Context(), openai.ChatCompletionRequest{
			Model: "m?" + query, Messages: []openai.ChatCompletionMessage{{Role: "user", Content: "hello there"}},
		})
		chunks := 0
		for ; err == nil; chunks++ {
			_, err = stream.Recv()
		}
		if got := max(0, chunks-1); got != want.chunks || !strings.Contains(err.Error(), want.err) {
			t.Errorf("%s: %v after %d chunks; want %s after %d", query, err, got, want.err, want.chunks)
		}
	}
}
