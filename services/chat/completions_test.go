package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sashabaranov/go-openai"

	"daca/services/chat/agent"
	"daca/services/internal/contract"
)

// scriptedAgent passes on the events and comes to the answer or the error.
type scriptedAgent struct {
	events []agent.Event
	answer agent.Answer
	err    error
	pause  func(ctx context.Context) // before the answer

	mu       sync.Mutex
	requests []agent.Request
}

func (s *scriptedAgent) Run(ctx context.Context, request agent.Request) (agent.Answer, error) {
	s.mu.Lock()
	s.requests = append(s.requests, request)
	s.mu.Unlock()
	for _, e := range s.events {
		if request.Observe != nil {
			request.Observe(e)
		}
	}
	if s.pause != nil {
		s.pause(ctx)
	}
	return s.answer, errors.Join(s.err, ctx.Err())
}

// last returns the request that came last.
func (s *scriptedAgent) last(t *testing.T) agent.Request {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) == 0 {
		t.Fatal("the agent was not asked")
	}
	request := s.requests[len(s.requests)-1]
	request.Observe = nil
	return request
}

// newFront returns a service whose agents are scripted: that of messages, and that of
// tasks.
func newFront(t *testing.T, environ ...string) (s *service, messages, tasks *scriptedAgent) {
	t.Helper()
	s = newService(t, environ...)
	messages = &scriptedAgent{
		events: []agent.Event{agent.Token{Text: "Hello, "}, agent.Token{Text: "Ada!"}},
		answer: agent.Answer{
			Reply: "Hello, Ada!", FinishReason: "stop",
			Usage: agent.Usage{PromptTokens: 20, CompletionTokens: 3, TotalTokens: 23},
		},
	}
	tasks = &scriptedAgent{answer: agent.Answer{Reply: "A title"}}
	s.app.agent, s.app.tasks = messages, tasks
	return s, messages, tasks
}

// client returns a client of OpenAI's API that asks the service over HTTP.
func (s *service) client(t *testing.T) *openai.Client {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	config := openai.DefaultConfig("sk-daca")
	config.BaseURL = server.URL + "/v1"
	return openai.NewClientWithConfig(config)
}

// counted fails the test unless exactly the users have sent a message.
func (s *service) counted(t *testing.T, users ...contract.UserID) {
	t.Helper()
	var got []contract.UserID
	for _, e := range s.broker.events() {
		if e.Type != contract.MessageSent {
			t.Errorf("published a %s", e.Type)
		}
		got = append(got, e.UserID)
	}
	if diff := cmp.Diff(users, got); diff != "" {
		t.Errorf("the users whose messages count (-want +got):\n%s", diff)
	}
}

func userMessages(said ...string) []openai.ChatCompletionMessage {
	var messages []openai.ChatCompletionMessage
	for _, text := range said {
		messages = append(messages, openai.ChatCompletionMessage{Role: "user", Content: text})
	}
	return messages
}

const completionsPath = "/v1/chat/completions"

// hello is a completion with the fields, such as `"stream":true`.
func hello(fields ...string) string {
	fields = append(fields, `"messages":[{"role":"user","content":"Hello"}]`)
	if !strings.Contains(strings.Join(fields, ""), `"model"`) {
		fields = append(fields, `"model":"daca"`)
	}
	return "{" + strings.Join(fields, ",") + "}"
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	s, messages, _ := newFront(t)
	temperature := float32(0.5)
	got, err := s.client(t).CreateChatCompletion(t.Context(), openai.ChatCompletionRequest{
		Model: "daca", User: "ada", Temperature: temperature, MaxCompletionTokens: 50, Stop: []string{"END"},
		Messages: []openai.ChatCompletionMessage{
			{Role: "system", Content: "Speak like a sailor."},
			{Role: "developer", Content: "Be brief."},
			{Role: "user", Content: "My name is Ada."},
			{Role: "assistant", Content: "Ahoy, Ada!"},
			{Role: "user", MultiContent: []openai.ChatMessagePart{{Type: "text", Text: "Who "}, {Type: "text", Text: "am I?"}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	choice := got.Choices[0]
	if choice.Message.Content != "Hello, Ada!" || choice.FinishReason != "stop" || choice.Message.Role != "assistant" ||
		got.Model != "daca" || got.Object != "chat.completion" || got.Usage.TotalTokens != 23 ||
		!strings.HasPrefix(got.ID, "chatcmpl-") || time.Since(time.Unix(got.Created, 0)) > time.Minute {
		t.Errorf("the answer is %+v", got)
	}
	want := agent.Request{
		Instructions: agent.Instructions(3, true) + "\n\nSpeak like a sailor.\n\nBe brief.",
		History:      []agent.Message{{Role: "user", Content: "My name is Ada."}, {Role: "assistant", Content: "Ahoy, Ada!"}},
		Text:         "Who am I?",
		Options: agent.Options{
			Temperature: new(0.5), MaxCompletionTokens: new(50), Stop: json.RawMessage(`["END"]`),
		},
	}
	if diff := cmp.Diff(want, messages.last(t)); diff != "" {
		t.Errorf("the agent was asked (-want +got):\n%s", diff)
	}
	s.counted(t, "ada")
}

// TestCompletionStream holds the events of a stream, byte for byte but for id and time.
func TestCompletionStream(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body   string
		events []agent.Event
		want   string
	}{
		"plain": {hello(`"stream":true`), nil, `{"role":"assistant","content":""} null
{"content":"Hello, "} null
{"content":"Ada!"} null
{} "stop"
[DONE]
`},
		"with usage": {hello(`"stream":true`, `"stream_options":{"include_usage":true}`), nil,
			`{"role":"assistant","content":""} null,"usage":null
{"content":"Hello, "} null,"usage":null
{"content":"Ada!"} null,"usage":null
{} "stop","usage":null
{"choices":[],"usage":{"prompt_tokens":20,"completion_tokens":3,"total_tokens":23}}
[DONE]
`},
		"after a remark": {hello(`"stream":true`), []agent.Event{
			agent.Token{Text: "I look <here>."}, agent.ToolCalled{}, agent.ToolAnswered{}, agent.Token{Text: "Noon."},
		}, `{"role":"assistant","content":""} null
{"content":"I look <here>."} null
{"content":"\n\nNoon."} null
{} "stop"
[DONE]
`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, messages, _ := newFront(t)
			if tc.events != nil {
				messages.events = tc.events
			}
			rec := s.Send("POST", completionsPath, tc.body)
			if diff := cmp.Diff(tc.want, chunksOf(t, rec.Body.String())); diff != "" || rec.Code != 200 {
				t.Errorf("status %d (-want +got):\n%s", rec.Code, diff)
			}
			for name, want := range map[string]string{
				"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no",
			} {
				if got := rec.Header().Get(name); got != want {
					t.Errorf("%s is %q; want %q", name, got, want)
				}
			}
			s.counted(t, "anonymous")
		})
	}
}

// chunksOf returns the data of a stream, a line each. It cuts off what all chunks begin
// with, and shortens those with a choice to its delta, its finish_reason, and the usage.
func chunksOf(t *testing.T, stream string) string {
	t.Helper()
	var lines strings.Builder
	var envelope string
	choice := regexp.MustCompile(`^\{"choices":\[\{"index":0,"delta":(.*),"finish_reason":(null|"\w+")\}\](.*)\}$`)
	for line := range strings.SplitSeq(strings.TrimSuffix(stream, "\n\n"), "\n\n") {
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			t.Errorf("the stream has the line %q", line)
		}
		if before, after, found := strings.Cut(data, `"choices"`); found {
			if envelope != "" && before != envelope {
				t.Errorf("a chunk begins with %s; want %s", before, envelope)
			}
			envelope = before
			data = choice.ReplaceAllString(`{"choices"`+after, "$1 $2$3")
		}
		lines.WriteString(data + "\n")
	}
	return lines.String()
}

func TestCompletionStreamIsReadByAClient(t *testing.T) {
	t.Parallel()
	s, _, _ := newFront(t)
	stream, err := s.client(t).CreateChatCompletionStream(t.Context(), openai.ChatCompletionRequest{
		Model: "daca", User: "ada", Messages: userMessages("Hello"), StreamOptions: &openai.StreamOptions{IncludeUsage: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Close() }()
	var text, finish string
	tokens := 0
	for {
		chunk, err := stream.Recv()
		if err != nil {
			break
		}
		for _, c := range chunk.Choices {
			text += c.Delta.Content
			finish += string(c.FinishReason)
		}
		if chunk.Usage != nil {
			tokens = chunk.Usage.TotalTokens
		}
	}
	if text != "Hello, Ada!" || finish != "stop" || tokens != 23 {
		t.Errorf("the stream says %q, ends with %q, and took %d tokens", text, finish, tokens)
	}
	s.counted(t, "ada")
}

// tide is a tool of a client.
const tide = `"tools":[{"type":"function","function":{"name":"get_tide","description":"The next tide.",` +
	`"parameters":{"type":"object","properties":{"harbour":{"type":"string"}}}}},` +
	`{"type":"function","function":{"name":"now"}}]`

func TestToolsOfTheClient(t *testing.T) {
	t.Parallel()
	s, messages, _ := newFront(t)
	messages.events = nil
	messages.answer = agent.Answer{
		FinishReason: "tool_calls",
		Calls: []agent.ToolCall{
			{ID: "c1", Name: "get_tide", Arguments: `{"harbour":"Dover"}`, Extra: json.RawMessage(`{"google":{}}`)},
			{ID: "c2", Name: "now", Arguments: `{}`},
		},
	}
	const (
		first = `{"id":"c1","type":"function","function":{"name":"get_tide","arguments":"{\"harbour\":\"Dover\"}"},` +
			`"extra_content":{"google":{}}}`
		second = `{"id":"c2","type":"function","function":{"name":"now","arguments":"{}"}}`
		calls  = first + "," + second
	)
	rec := s.Send("POST", completionsPath, hello(tide, `"tool_choice":"required"`))
	ending := `"content":null,"tool_calls":[` + calls + `]},"finish_reason":"tool_calls"`
	if rec.Code != 200 || !strings.Contains(rec.Body.String(), ending) {
		t.Errorf("the answer is %d %s", rec.Code, rec.Body)
	}
	asked := messages.last(t)
	want := []agent.Tool{
		{
			Name: "get_tide", Description: "The next tide.",
			Parameters: json.RawMessage(`{"type":"object","properties":{"harbour":{"type":"string"}}}`),
		},
		{Name: "now"},
	}
	if diff := cmp.Diff(want, asked.Tools); diff != "" || string(asked.Options.ToolChoice) != `"required"` {
		t.Errorf("with choice %s, the agent was offered (-want +got):\n%s", asked.Options.ToolChoice, diff)
	}

	rec = s.Send("POST", completionsPath, hello(tide, `"stream":true`))
	if diff := cmp.Diff(`{"role":"assistant","content":""} null
{"tool_calls":[{"index":0,`+first[1:]+`]} null
{"tool_calls":[{"index":1,`+second[1:]+`]} null
{} "tool_calls"
[DONE]
`, chunksOf(t, rec.Body.String())); diff != "" {
		t.Errorf("the stream (-want +got):\n%s", diff)
	}
	s.counted(t, "anonymous", "anonymous")

	// The results go back, and are no message of the user.
	s.Send("POST", completionsPath, `{"model":"daca","messages":[{"role":"user","content":"When?"},`+
		`{"role":"assistant","tool_calls":[`+calls+`]},{"role":"tool","tool_call_id":"c2","content":"10:00"},`+
		`{"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"11:40"}]}]}`)
	history := []agent.Message{
		{Role: "user", Content: "When?"},
		{Role: "assistant", ToolCalls: messages.answer.Calls},
		{Role: "tool", ToolCallID: "c2", Content: "10:00"},
		{Role: "tool", ToolCallID: "c1", Content: "11:40"},
	}
	asked = messages.last(t)
	if diff := cmp.Diff(history, asked.History); diff != "" || asked.Text != "" {
		t.Errorf("with the text %q, the history is (-want +got):\n%s", asked.Text, diff)
	}
	s.counted(t, "anonymous", "anonymous")
}

func TestTasksDoNotCount(t *testing.T) {
	t.Parallel()
	s, messages, tasks := newFront(t)
	for _, stream := range []string{"true", "false"} {
		rec := s.Send("POST", completionsPath, hello(`"model":"daca-task"`, `"stream":`+stream))
		if rec.Code != 200 || !strings.Contains(rec.Body.String(), `"model":"daca-task"`) {
			t.Errorf("the answer is %d %s", rec.Code, rec.Body)
		}
	}
	if diff := cmp.Diff(agent.Request{Text: "Hello"}, tasks.last(t)); diff != "" {
		t.Errorf("the model was asked (-want +got):\n%s", diff)
	}
	if len(messages.requests) != 0 {
		t.Error("the agent was asked")
	}
	s.counted(t)
}

func TestUserOfACompletion(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		field, header string
		want          contract.UserID
	}{
		{`"user":"ada"`, "bob", "ada"},
		{`"user":""`, "bob", "bob"},
		{`"user":null`, "bob", "bob"},
		{`"stream":false`, "bob", "bob"},
		{`"stream":false`, "", "anonymous"},
	} {
		s, _, _ := newFront(t)
		s.Send("POST", completionsPath, hello(tc.field), "X-OpenWebUI-User-Id", tc.header)
		s.counted(t, tc.want)
	}
	s, _, _ := newFront(t, "V1_USER_HEADER=X-User")
	s.Send("POST", completionsPath, hello(), "X-User", "eve", "X-OpenWebUI-User-Id", "bob")
	s.counted(t, "eve")
	s.expectV1Error(t, completionsPath, hello(`"user":".."`), 400, "user", "user id")
	s.expectV1Error(t, completionsPath, hello(), 400, "X-User", "user id", "X-User", strings.Repeat("a", 257))
	s.counted(t, "eve")
}

// TestOptionsThatAreNull holds that a client may send null for what it leaves open.
func TestOptionsThatAreNull(t *testing.T) {
	t.Parallel()
	s, messages, _ := newFront(t)
	rec := s.Send("POST", completionsPath, hello(`"stop":null`, `"tool_choice":null`, `"tools":null`, `"temperature":null`,
		`"response_format":null`, `"stream":null`, `"stream_options":null`, `"n":null`, `"user":null`, `"audio":null`,
		`"functions":null`, `"function_call":null`, `"logprobs":null`, `"store":true`, `"metadata":{"a":"b"}`))
	if rec.Code != 200 {
		t.Fatalf("the answer is %d %s", rec.Code, rec.Body)
	}
	if diff := cmp.Diff(agent.Options{}, messages.last(t).Options); diff != "" {
		t.Errorf("the options (-want +got):\n%s", diff)
	}
}

func TestIdempotencyKeyOfACompletion(t *testing.T) {
	t.Parallel()
	s, _, _ := newFront(t)
	s.Send("POST", completionsPath, hello(), "Idempotency-Key", "k")
	s.Send("POST", completionsPath, hello(), "Idempotency-Key", "k")
	events := s.broker.events()
	for i := range events {
		events[i].Received, events[i].Answered = time.Time{}, time.Time{} // these are of each request
	}
	if len(events) != 2 || events[0] != events[1] {
		t.Errorf("published %v; want one event twice", events)
	}
	s.expectV1Error(t, completionsPath, hello(), 400, "", "Idempotency-Key", "Idempotency-Key", strings.Repeat("k", 256))
}

// v1Answer is an error in OpenAI's shape.
type v1Answer struct {
	Error struct {
		Message, Type string
		Param, Code   *string
	}
}

// expectV1Error sends a POST and fails the test unless the answer is an error of the
// status, about param, whose message contains want. It returns the answer.
func (s *service) expectV1Error(
	t *testing.T, target, body string, status int, param, want string, headers ...string,
) *httptest.ResponseRecorder {
	t.Helper()
	rec := s.Send("POST", target, body, headers...)
	var got v1Answer
	err := json.Unmarshal(rec.Body.Bytes(), &got)
	kind := "invalid_request_error"
	if status >= 500 {
		kind = "server_error"
	}
	about := ""
	if got.Error.Param != nil {
		about = *got.Error.Param
	}
	if err != nil || rec.Code != status || about != param || got.Error.Type != kind ||
		!strings.Contains(got.Error.Message, want) || rec.Body.Len() > 1000 {
		t.Errorf("POST %s %.80s answers %d %.300s\nwant %d %s about %q that contains %s",
			target, body, rec.Code, rec.Body, status, kind, param, want)
	}
	return rec
}

func TestBadCompletionsAreNeitherAnsweredNorCounted(t *testing.T) {
	t.Parallel()
	said := func(messages string) string { return `{"model":"daca","messages":[` + messages + `]}` }
	const function = `{"type":"function","function":{"name":"f"}}`
	const called = `{"role":"assistant","tool_calls":[` +
		`{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]}`
	for name, tc := range map[string]struct {
		body        string
		status      int
		param, want string
	}{
		"nothing":            {"", 400, "", "not JSON"},
		"broken":             {`{"model":`, 400, "", "not JSON"},
		"not UTF-8":          {hello("\"user\":\"\xff\""), 400, "", "not JSON"},
		"trailing":           {hello() + "{}", 400, "", "not JSON"},
		"a list":             {"[]", 400, "", "invalid type"},
		"no model":           {`{"messages":[]}`, 400, "model", "must provide a model"},
		"unknown model":      {hello(`"model":"gpt-4o"`), 404, "model", "daca-task"},
		"no messages":        {`{"model":"daca"}`, 400, "messages", "empty"},
		"blank":              {said(`{"role":"user","content":" \n"}`), 400, "messages[0].content", "empty"},
		"no role":            {said(`{"content":"a"}`), 400, "messages[0].role", "none of"},
		"a function's role":  {said(`{"role":"function","content":"a"}`), 400, "messages[0].role", "none of"},
		"content a number":   {said(`{"role":"user","content":7}`), 400, "messages[0].content", "neither a text nor"},
		"content an object":  {said(`{"role":"user","content":{}}`), 400, "messages[0].content", "neither a text nor"},
		"a part that is one": {said(`{"role":"user","content":["a"]}`), 400, "messages[0].content[0]", "invalid type"},
		"a picture": {
			said(`{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{}}]}`),
			400, "messages[0].content", `"image_url" are not supported`,
		},
		"stream a text":      {hello(`"stream":"yes"`), 400, "stream", "invalid type"},
		"temperature a text": {hello(`"temperature":"hot"`), 400, "temperature", "invalid type"},
		"user an object":     {hello(`"user":{"id":"a"}`), 400, "user", "invalid type"},
		"two choices":        {hello(`"n":2`), 400, "n", "one choice"},
		"log probabilities":  {hello(`"logprobs":true`), 400, "logprobs", "not supported"},
		"audio":              {hello(`"modalities":["text","audio"]`), 400, "modalities", "text"},
		"functions":          {hello(`"functions":[{"name":"f"}]`), 400, "functions", "tools"},
		"no tokens":          {hello(`"max_tokens":0`), 400, "max_tokens", "at least 1"},
		"a tool of its own":  {hello(`"tools":[{"type":"custom","custom":{"name":"f"}}]`), 400, "tools[0].type", "custom"},
		"a tool's name": {
			hello(`"tools":[{"type":"function","function":{"name":"a b"}}]`), 400, "tools[0].function", "name",
		},
		"a tool's schema": {
			hello(`"tools":[{"type":"function","function":{"name":"f","parameters":7}}]`), 400, "tools[0].function", "schema",
		},
		"a tool twice": {
			hello(`"tools":[` + function + "," + function + `]`),
			400, "tools[1].function", "two tools",
		},
		"too many tools":     {hello(`"tools":[{}` + strings.Repeat(`,{}`, 128) + `]`), 400, "tools", "more than 128"},
		"too many messages":  {said(`{}` + strings.Repeat(`,{}`, 2000)), 400, "messages", "more than 2000"},
		"too many values":    {said(`{}` + strings.Repeat(`,{}`, 300_000)), 400, "", "more than 20000 values"},
		"too large":          {hello(`"user":"` + strings.Repeat("a", 1<<20) + `"`), 413, "", "1048576"},
		"an open call":       {said(called), 400, "messages", `"c" is not answered`},
		"a call left open":   {said(called + `,{"role":"user"}`), 400, "messages[1].role", `"c" is not answered`},
		"a call without id":  {said(`{"role":"assistant","tool_calls":[{}]}`), 400, "messages[0].tool_calls", "id"},
		"an answer too many": {said(`{"role":"tool","tool_call_id":"x"}`), 400, "messages[0].tool_call_id", `"x"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, messages, _ := newFront(t)
			s.expectV1Error(t, completionsPath, tc.body, tc.status, tc.param, tc.want)
			if len(messages.requests) != 0 {
				t.Error("the agent was asked")
			}
			s.counted(t)
		})
	}
	s, _, _ := newFront(t)
	s.expectV1Error(t, completionsPath, hello(), 415, "", "text/plain", "Content-Type", "text/plain")
}

func TestKeyOfTheFront(t *testing.T) {
	t.Parallel()
	s, _, _ := newFront(t, "V1_API_KEY=sk-daca\n")
	for _, target := range []string{"/v1/models", "/v1/models/daca", completionsPath} {
		for _, key := range []string{"", "Bearer", "Bearer sk-other", "Basic sk-daca"} {
			method := "GET"
			if target == completionsPath {
				method = "POST"
			}
			rec := s.Send(method, target, "", "Authorization", key)
			if rec.Code != 401 || !strings.Contains(rec.Body.String(), `"code":"invalid_api_key"`) ||
				rec.Header().Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("with %q, %s answers %d %s", key, target, rec.Code, rec.Body)
			}
		}
	}
	if _, err := s.client(t).ListModels(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestModels(t *testing.T) {
	t.Parallel()
	s, _, _ := newFront(t)
	client := s.client(t)
	list, err := client.ListModels(t.Context())
	if err != nil || len(list.Models) != 2 || list.Models[0].ID != "daca" || list.Models[1].ID != "daca-task" {
		t.Errorf("the models are %+v, %v", list, err)
	}
	one, err := client.GetModel(t.Context(), "daca")
	if err != nil || one.ID != "daca" || one.Object != "model" || one.OwnedBy != "daca" {
		t.Errorf("the model is %+v, %v", one, err)
	}
	var refusal *openai.APIError
	if _, err = client.GetModel(t.Context(), "gpt-4o"); !errors.As(err, &refusal) ||
		refusal.HTTPStatusCode != 404 || refusal.Code != "model_not_found" || *refusal.Param != "model" {
		t.Errorf("an unknown model: %v", err)
	}
}

// TestFailuresOfCompletions holds the answers to failures of the model, streamed and not,
// and that nothing counts that was not answered.
func TestFailuresOfCompletions(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err               error
		status            int
		param, want, code string
	}{
		"unauthorized": {&agent.Error{Kind: agent.Unauthorized, Status: 401}, 502, "", "API key (status 401)", ""},
		"rate limited": {&agent.Error{Kind: agent.RateLimited, Status: 429}, 503, "", "rate", ""},
		"timeout":      {&agent.Error{Kind: agent.Timeout}, 504, "", "in time", ""},
		"unavailable":  {&agent.Error{Kind: agent.Unavailable}, 502, "", "unavailable", ""},
		"too long": {
			&agent.Error{Kind: agent.TooLong, Status: 400}, 400, "messages", "too long", "context_length_exceeded",
		},
		"rejected for its content": {&agent.Error{Kind: agent.Rejected, Status: 400}, 400, "", "options", ""},
		"rejected":                 {&agent.Error{Kind: agent.Rejected, Status: 404}, 502, "", "OPENAI_MODEL", ""},
		"another error":            {errors.New("secret"), 500, "", "Internal Server Error", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, messages, _ := newFront(t)
			tokens := messages.events
			messages.events, messages.err = nil, tc.err
			for _, stream := range []string{"false", "true"} {
				rec := s.expectV1Error(t, completionsPath, hello(`"stream":`+stream), tc.status, tc.param, tc.want)
				if tc.status == 503 && rec.Header().Get("Retry-After") != "5" {
					t.Error("there is no Retry-After")
				}
				if tc.code != "" && !strings.Contains(rec.Body.String(), `"code":"`+tc.code+`"`) {
					t.Errorf("the answer is %s; want the code %s", rec.Body, tc.code)
				}
			}
			messages.events = tokens
			rec := s.Send("POST", completionsPath, hello(`"stream":true`))
			events := strings.Split(strings.TrimSpace(chunksOf(t, rec.Body.String())), "\n")
			if last := events[len(events)-1]; rec.Code != 200 || len(events) != 4 ||
				!strings.HasPrefix(last, `{"error":{"message":`) || !strings.Contains(last, tc.want) {
				t.Errorf("a failure after a token is answered by %d %s", rec.Code, rec.Body)
			}
			s.counted(t)
		})
	}
}

func TestACompletionThatCannotBeCounted(t *testing.T) {
	t.Parallel()
	s, _, _ := newFront(t)
	s.broker.fail(errors.New("broker down"))
	_ = s.spool.Close()
	s.expectV1Error(t, completionsPath, hello(), 503, "", "Idempotency-Key")
	rec := s.Send("POST", completionsPath, hello(`"stream":true`))
	if body := rec.Body.String(); !strings.Contains(body, `data: {"error":`) || strings.Contains(body, "[DONE]") ||
		strings.Contains(body, `"finish_reason":"stop"`) {
		t.Errorf("the stream is %s", body)
	}
}

// TestAClientThatLeavesACompletion holds that the agent ends, and that the message counts
// exactly once if the client had a part of the answer.
func TestAClientThatLeavesACompletion(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		stream string
		events []agent.Event
		want   []contract.UserID
	}{
		"after a token":      {"true", []agent.Event{agent.Token{Text: "Hel"}}, []contract.UserID{"anonymous"}},
		"before a token":     {"true", []agent.Event{agent.ToolCalled{}}, nil},
		"that is not stream": {"false", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, messages, _ := newFront(t)
			s.app.agentTimeout = time.Minute
			ctx, leave := context.WithCancel(t.Context())
			messages.events = tc.events
			messages.pause = func(ctx context.Context) {
				leave()
				<-ctx.Done()
			}
			server := httptest.NewUnstartedServer(nil)
			handled := make(chan struct{})
			server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(handled)
				s.ServeHTTP(w, r)
			})
			server.Start()
			defer server.Close()
			body := strings.NewReader(hello(`"stream":` + tc.stream))
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+completionsPath, body)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			if res, err := http.DefaultClient.Do(req); err == nil {
				_ = res.Body.Close()
			}
			select {
			case <-handled:
			case <-time.After(10 * time.Second):
				t.Fatal("the agent goes on")
			}
			s.counted(t, tc.want...)
		})
	}
}

func TestAnAnswerThatTakesTooLong(t *testing.T) {
	t.Parallel()
	s, messages, _ := newFront(t)
	s.app.agentTimeout = 20 * time.Millisecond
	messages.pause = func(ctx context.Context) { <-ctx.Done() }
	s.expectV1Error(t, completionsPath, hello(), 504, "", "in time")
	rec := s.Send("POST", completionsPath, hello(`"stream":true`))
	if !strings.Contains(rec.Body.String(), `data: {"error":{"message":"The model did not answer in time.`) {
		t.Errorf("the stream is %s", rec.Body)
	}
	s.counted(t)
}
