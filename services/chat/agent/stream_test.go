package agent

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"daca/services/model/offline"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// observed is what a run passes on.
type observed struct {
	mu     sync.Mutex
	events []Event
}

func (o *observed) observe(event Event) {
	if !o.mu.TryLock() {
		panic("two events at once")
	}
	defer o.mu.Unlock()
	o.events = append(o.events, event)
}

// text returns the tokens since the last event that is none.
func (o *observed) text() string {
	text := ""
	for _, event := range o.events {
		if token, ok := event.(Token); ok {
			text += token.Text
		} else {
			text = ""
		}
	}
	return text
}

// stream answers text and observes the run.
func (s *fixture) stream(ctx context.Context, request Request) (Answer, *observed, error) {
	seen := &observed{}
	request.Observe = seen.observe
	answer, err := s.agent.Run(ctx, request)
	return answer, seen, err
}

// TestStreamsComeToTheSame compares each way to call tools with and without a stream.
func TestStreamsComeToTheSame(t *testing.T) {
	t.Parallel()
	for _, behaviour := range []string{
		"", "tools=parallel", "tools=malformed", "tools=unknown", "tools=empty", "tools=text", "tools=noid", "tools=gemini",
	} {
		t.Run(behaviour, func(t *testing.T) {
			t.Parallel()
			s := setup(t, Config{Model: "offline?" + behaviour, Tools: []Tool{clockThat(works)}})
			request := Request{Instructions: Instructions(3, true), Text: "What time is it?"}
			whole, err := s.agent.Run(t.Context(), request)
			if err != nil {
				t.Fatal(err)
			}
			streamed, seen, err := s.stream(t.Context(), request)
			if err != nil {
				t.Fatal(err)
			}
			// The ids depend on the request, and a signature on the ids.
			ignored := cmpopts.IgnoreFields(ToolCall{}, "ID", "Extra")
			if diff := cmp.Diff(whole, streamed, ignored, cmpopts.IgnoreFields(Message{}, "ToolCallID")); diff != "" {
				t.Errorf("with a stream (-whole +streamed):\n%s", diff)
			}
			if seen.text() != streamed.Reply || !strings.Contains(streamed.Reply, "noon") &&
				!strings.Contains(streamed.Reply, "UTC") {
				t.Errorf("the tokens are %q; want the reply %q", seen.text(), streamed.Reply)
			}
			checkCalls(t, seen.events, streamed)
		})
	}
}

// checkCalls holds that each call and its result were observed as the answer has them.
func checkCalls(t *testing.T, events []Event, answer Answer) {
	t.Helper()
	var called []ToolCall
	results := map[string]string{}
	for _, event := range events {
		switch event := event.(type) {
		case ToolCalled:
			called = append(called, event.ToolCall)
		case ToolAnswered:
			results[event.ID] = event.Result
			if event.Name == "" || event.Took < 0 {
				t.Errorf("observed %+v; want the name and the time", event)
			}
		}
	}
	var want []ToolCall
	for _, m := range answer.Messages {
		want = append(want, m.ToolCalls...)
		if m.Role == RoleTool && results[m.ToolCallID] != m.Content {
			t.Errorf("the result of %s was observed as %q; want %q", m.ToolCallID, results[m.ToolCallID], m.Content)
		}
	}
	if diff := cmp.Diff(want, called, cmpopts.IgnoreFields(ToolCall{}, "Arguments")); diff != "" || len(want) == 0 {
		t.Errorf("calls (-answer +observed):\n%s", diff)
	}
}

func TestTextOfStreams(t *testing.T) {
	t.Parallel()
	hello := delta(`{"role":"assistant","content":"Hel"}`)
	lo := delta(`{"content":"lo"}`)
	for name, tc := range map[string]struct {
		stream string
		reply  string
		tokens []Event
		usage  Usage
	}{
		"as OpenAI does": {
			events(delta(`{"role":"assistant","content":""}`), hello, lo, stop, usage, done),
			"Hello", []Event{Token{"Hel"}, Token{"lo"}}, Usage{5, 2, 7},
		},
		"usage so far in each chunk": {
			events(strings.Replace(hello, "{", `{"usage":{"prompt_tokens":5,"completion_tokens":1,"total_tokens":6},`, 1), lo,
				strings.Replace(stop, "{", `{"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7},`, 1), done),
			"Hello", []Event{Token{"Hel"}, Token{"lo"}}, Usage{5, 2, 7},
		},
		"no [DONE]":             {events(hello, lo, stop), "Hello", nil, Usage{}},
		"no finish_reason":      {events(hello, lo, done), "Hello", nil, Usage{}},
		"cut off after its end": {events(hello, lo, stop) + "cut", "Hello", nil, Usage{}},
		"nothing after [DONE]":  {events(hello, lo, done, lo), "Hello", nil, Usage{}},
		"comments and other types": {
			": wait\n\nevent: ping\ndata: {}\n\n" + events(hello, lo, stop, done), "Hello", nil, Usage{},
		},
		"other line ends": {strings.ReplaceAll(events(hello, lo, stop, done), "\n", "\r\n"), "Hello", nil, Usage{}},
		"no blank after data": {
			strings.ReplaceAll(events(hello, lo, stop, done), "data: ", "data:"), "Hello", nil, Usage{},
		},
		"null in place of values": {
			events(`{"choices":null,"usage":null}`, delta(`null`), delta(`{"content":null,"tool_calls":null}`),
				hello, lo, stop, done),
			"Hello", nil, Usage{},
		},
		"a refusal": {events(delta(`{"refusal":"No"}`), delta(`{"refusal":"."}`), stop, done), "No.", nil, Usage{}},
		"thinking":  {events(delta(`{"reasoning_content":"hm"}`), hello, lo, stop, done), "Hello", nil, Usage{}},
		"parts of text": {
			events(delta(`{"content":[{"type":"thinking"},{"type":"text","text":"Hello"}]}`), stop, done), "Hello", nil,
			Usage{},
		},
		"another choice": {events(hello, strings.Replace(lo, `"index":0`, `"index":1`, 1), stop, done), "Hel", nil, Usage{}},
		"blanks at first": {
			events(delta(`{"content":"\n"}`), delta(`{"content":"\n"}`), hello, stop, done), "\n\nHel",
			[]Event{Token{"\n\nHel"}}, Usage{},
		},
		"JSON in place of a stream": {
			`{"choices":[{"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],` +
				`"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}`,
			"Hello", []Event{Token{"Hello"}}, Usage{5, 2, 7},
		},
		"the model's limit": {
			events(hello, strings.Replace(stop, "stop", "length", 1), done),
			"Hel\n\n[The answer is cut off here: it reached the model's limit.]",
			[]Event{Token{"Hel"}, Token{"\n\n[The answer is cut off here: it reached the model's limit.]"}}, Usage{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := scripted(t, Config{}, tc.stream)
			answer, seen, err := s.stream(t.Context(), Request{Text: "hi"})
			if err != nil {
				t.Fatal(err)
			}
			if answer.Reply != tc.reply || seen.text() != tc.reply || answer.Usage != tc.usage {
				t.Errorf("reply = %q, tokens = %q, usage = %+v; want %q, usage %+v",
					answer.Reply, seen.text(), answer.Usage, tc.reply, tc.usage)
			}
			if want := strings.Contains(tc.stream, `"length"`); answer.FinishReason != "stop" && !want ||
				answer.FinishReason != "length" && want {
				t.Errorf("finish_reason = %q", answer.FinishReason)
			}
			if tc.tokens != nil && !cmp.Equal(seen.events, tc.tokens) {
				t.Errorf("events = %q; want %q", seen.events, tc.tokens)
			}
			if request := s.requests()[0]; !request.Stream || !request.StreamOptions.IncludeUsage {
				t.Errorf("the model was asked with %+v; want a stream with its usage", request)
			}
		})
	}
}

func TestFailuresOfStreams(t *testing.T) {
	t.Parallel()
	begun := delta(`{"content":"Once upon"}`)
	for name, tc := range map[string]struct {
		stream string
		kind   Kind
		status int
		reply  string
		asked  int
	}{
		"no end":             {events(begun), Unavailable, 0, "Once upon", 1},
		"no beginning":       {": nothing\n\n", Unavailable, 0, "", 3},
		"no choice":          {events(usage, done), Unavailable, 0, "", 1},
		"blank":              {events(delta(`{"content":" \n"}`), stop, done), Unavailable, 0, "", 1},
		"broken":             {events(begun) + "cut", Unavailable, 0, "Once upon", 1},
		"broken before text": {events(delta(`{"content":" "}`)) + "cut", Unavailable, 0, "", 3},
		"broken within calls": {
			events(calls(`{"index":0,"id":"a","function":{"name":"look"}}`)) + "cut", Unavailable, 0, "", 3,
		},
		"not JSON": {events(begun, `{"cho`), Unavailable, 0, "Once upon", 1},
		"an error": {
			events(begun, `{"error":{"message":"down","type":"server_error"}}`), Unavailable, 500, "Once upon", 1,
		},
		"an error as text": {events(`{"error":"down"}`), Unavailable, 500, "", 3},
		"an error with a status": {
			events(`{"choices":[],"id":"x","error":{"message":"slow down","code":429}}`), RateLimited, 429, "", 3,
		},
		"an error after a comment": {
			": wait\n\nevent: error\n" + events(`{"error":{"message":"no","type":"invalid_request_error"}}`), Rejected, 400,
			"", 1,
		},
		"no quota left": {
			events(`{"error":{"message":"pay","code":"insufficient_quota"}}`), RateLimited, 429, "", 1,
		},
		"too long": {
			events(`{"error":{"message":"","code":"context_length_exceeded"}}`), TooLong, 400, "", 1,
		},
		"overloaded":            {events(`{"error":{"message":"","type":"overloaded_error"}}`), Unavailable, 503, "", 3},
		"a status":              {`401{"error":{"message":"key sk-test-0123456789"}}`, Unauthorized, 401, "", 1},
		"bad JSON for a stream": {`{"cho`, Unavailable, 0, "", 1},
		"too many calls": {
			events(calls(strings.Repeat(`{"function":{"name":"look"}},`, 200) + `{"function":{"name":"look"}}`)), Unavailable,
			0, "", 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := scripted(t, Config{}, tc.stream)
			answer, seen, err := s.stream(t.Context(), Request{Text: "hi"})
			failure, ok := errors.AsType[*Error](err)
			if !ok || failure.Kind != tc.kind || failure.Status != tc.status {
				t.Errorf("error = %#v; want kind %s, status %d", err, tc.kind, tc.status)
			}
			if answer.Reply != tc.reply || seen.text() != tc.reply {
				t.Errorf("reply = %q, tokens = %q; want %q", answer.Reply, seen.text(), tc.reply)
			}
			if asked := len(s.requests()); asked != tc.asked {
				t.Errorf("the model was asked %d times; want %d", asked, tc.asked)
			}
			if log := s.logged(); strings.Contains(log, testKey) {
				t.Errorf("the log has the API key: %s", log)
			}
		})
	}
}

// TestStreamsAreTriedAgain holds that the second answer is the one that is passed on.
func TestStreamsAreTriedAgain(t *testing.T) {
	t.Parallel()
	s := scripted(t, Config{},
		events(delta(`{"content":"\n"}`))+"cut", events(delta(`{"content":"Hello"}`), stop, usage, done))
	answer, seen, err := s.stream(t.Context(), Request{Text: "hi"})
	if err != nil || answer.Reply != "Hello" || !cmp.Equal(seen.events, []Event{Token{"Hello"}}) {
		t.Errorf("Run = %+v, %v with the events %q; want one Hello", answer, err, seen.events)
	}
}

// TestProvidersThatDoNotTellTheUsage asks with the errors of Mistral and of OpenAI.
func TestProvidersThatDoNotTellTheUsage(t *testing.T) {
	t.Parallel()
	for _, refusal := range []string{
		`422{"object":"error","message":{"detail":[{"loc":["body","stream_options","include_usage"]}]}}`,
		`400{"error":{"message":"Unknown parameter: 'stream_options'."}}`,
	} {
		s := scripted(t, Config{}, refusal, events(delta(`{"content":"Hello"}`), stop, done))
		for range 2 {
			if answer, _, err := s.stream(t.Context(), Request{Text: "hi"}); err != nil || answer.Reply != "Hello" {
				t.Fatalf("after %s: Run = %+v, %v; want Hello", refusal, answer, err)
			}
		}
		requests := s.requests()
		if len(requests) != 3 || requests[1].StreamOptions != nil || requests[2].StreamOptions != nil {
			t.Errorf("after %s the model was asked %+v; want no stream_options any more", refusal, requests[1:])
		}
	}
}

func TestLongStreamsAreCutOff(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 1<<18)
	many := delta(`{"content":"` + long + `"}`)
	s := scripted(t, Config{}, events(many, delta(`{"content":"x"}`), many, many, stop, done))
	answer, seen, err := s.stream(t.Context(), Request{Text: "hi"})
	if err != nil || answer.FinishReason != "length" || seen.text() != answer.Reply {
		t.Fatalf("finish_reason = %q, %v, %d bytes of tokens; want %d and length", answer.FinishReason, err,
			len(seen.text()), len(answer.Reply))
	}
	if text, _, _ := strings.Cut(answer.Reply, "\n\n["); len(text) != maxSaid-1 || strings.HasSuffix(text, "\xc3") {
		t.Errorf("the reply has %d bytes before the note; want whole characters up to %d", len(text), maxSaid)
	}
	whole := scripted(t, Config{}, `{"choices":[{"message":{"content":"`+long+long+long+`"},"finish_reason":"stop"}]}`)
	answer, err = whole.agent.Run(t.Context(), Request{Text: "hi"})
	text, _, _ := strings.Cut(answer.Reply, "\n\n[")
	if err != nil || len(text) != maxSaid || answer.FinishReason != "length" {
		t.Errorf("without a stream the reply has %d bytes, %v; want %d", len(text), err, maxSaid)
	}
	args := calls(`{"index":0,"id":"a","function":{"name":"look","arguments":"` + long + long + `"}}`)
	greedy := scripted(t, Config{}, events(args, args, stop, done))
	_, _, err = greedy.stream(t.Context(), Request{Text: "hi"})
	if failure, ok := errors.AsType[*Error](err); !ok || failure.Kind != Unavailable || len(greedy.requests()) != 1 {
		t.Errorf("arguments of 2 MiB: %v; want Unavailable", err)
	}
}

// TestSilenceEndsAStream holds that a stream may take long, if something comes.
func TestSilenceEndsAStream(t *testing.T) {
	t.Parallel()
	for delay, want := range map[string]Kind{"59s": "", "61s": Timeout} {
		synctest.Test(t, func(t *testing.T) {
			agent := withDelay(t, delay)
			began := time.Now()
			_, err := agent.Run(t.Context(), Request{Text: "hi", Observe: func(Event) {}})
			failure, failed := errors.AsType[*Error](err)
			if failed != (want != "") || failed && failure.Kind != want {
				t.Errorf("with chunks each %s Run = %v; want %q", delay, err, want)
			}
			if took := time.Since(began); want == Timeout && took != DefaultModelTimeout || want == "" && took < 10*time.Minute {
				t.Errorf("with chunks each %s Run took %s", delay, took)
			}
		})
	}
}

// withDelay returns an agent whose model waits so long before each piece of an answer. In
// a bubble of synctest, that takes no time.
func withDelay(t *testing.T, delay string) *Agent {
	t.Helper()
	model, err := offline.New(offline.Options{})
	if err != nil {
		t.Fatal(err)
	}
	agent, err := New(Config{Model: "offline?delay=" + delay, HTTPClient: &http.Client{Transport: inMemory{model}}})
	if err != nil {
		t.Fatal(err)
	}
	return agent
}

func TestStoppedStreams(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stopped := context.WithCancel(t.Context())
		var tokens strings.Builder
		answer, err := withDelay(t, "1s").Run(ctx, Request{Text: "hi", Observe: func(event Event) {
			tokens.WriteString(event.(Token).Text)
			if tokens.Len() > 10 {
				stopped() // long before the next piece
			}
		}})
		if _, ok := errors.AsType[*Error](err); ok || !errors.Is(err, context.Canceled) {
			t.Errorf("error = %v; want the caller's cancellation", err)
		}
		if answer.Reply != tokens.String() || len(answer.Messages) != 1 || answer.Messages[0].Content != answer.Reply {
			t.Errorf("answer = %+v; want the beginning %q", answer, tokens.String())
		}
	})
}

// TestToolsAreObservedAsTheyEnd has a slow tool and a fast one in a turn.
func TestToolsAreObservedAsTheyEnd(t *testing.T) {
	t.Parallel()
	fastSeen := make(chan struct{})
	tool := clockThat(func(ctx context.Context, args json.RawMessage) (string, error) {
		if strings.Contains(string(args), "1") {
			select {
			case <-fastSeen:
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}
		return string(args), nil
	})
	s := setup(t, Config{Model: "offline?tools=noid", Tools: []Tool{tool}, ToolTimeout: 10 * time.Second})
	var order []string
	_, err := s.agent.Run(t.Context(), Request{Text: "hi", Observe: func(event Event) {
		switch event := event.(type) {
		case ToolCalled:
			order = append(order, "call "+event.Arguments)
		case ToolAnswered:
			order = append(order, "result "+event.Result)
			if strings.Contains(event.Result, "2") {
				close(fastSeen)
			}
		}
	}})
	want := []string{`call {"n":1}`, `call {"n":2}`, `result {"n":2}`, `result {"n":1}`}
	if diff := cmp.Diff(want, order); err != nil || diff != "" {
		t.Errorf("Run = %v; events (-want +got):\n%s", err, diff)
	}
}

// TestEventsComeOneAtATime has tools that end while an event is being observed.
func TestEventsComeOneAtATime(t *testing.T) {
	t.Parallel()
	var executed sync.WaitGroup
	executed.Add(3)
	s := setup(t, Config{Model: "offline?tools=parallel", Tools: []Tool{clockThat(
		func(context.Context, json.RawMessage) (string, error) { executed.Done(); return "noon", nil },
	)}})
	var at atomic.Int32
	_, err := s.agent.Run(t.Context(), Request{Text: "hi", Observe: func(event Event) {
		if at.Add(1) > 1 {
			t.Errorf("%T comes during another event", event)
		}
		if _, ok := event.(ToolAnswered); ok {
			executed.Wait()
			for range 10_000 {
				runtime.Gosched()
			}
		}
		at.Add(-1)
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// TestConnectionsAreUsedAgain holds that a stream is read to its end.
func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		model, err := offline.New(offline.Options{})
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			model.ServeHTTP(w, r)
			<-time.After(5 * time.Millisecond) // so that the end comes after [DONE]
		})}
		accepted := pipes{make(chan net.Conn), make(chan struct{})}
		go func() { _ = server.Serve(accepted) }()
		defer func() { _ = server.Close() }()
		client := newHTTPClient()
		defer client.CloseIdleConnections()
		opened := 0
		client.Transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) {
			opened++
			near, far := net.Pipe()
			accepted.conns <- far
			return near, nil
		}
		agent, err := New(Config{Model: "offline", BaseURL: "http://model/v1", HTTPClient: client})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if _, err := agent.Run(t.Context(), Request{Text: "hi", Observe: func(Event) {}}); err != nil {
				t.Fatal(err)
			}
		}
		if opened != 1 {
			t.Errorf("five answers took %d connections; want 1", opened)
		}
	})
}

// pipes is a listener within a bubble of synctest.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error {
	close(p.closed)
	return nil
}

func (pipes) Addr() net.Addr { return &net.TCPAddr{} }
