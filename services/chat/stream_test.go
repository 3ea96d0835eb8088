package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/tmaxmax/go-sse"

	"daca/services/chat/agent"
	"daca/services/chat/runs"
	"daca/services/internal/apitest"
	"daca/services/internal/state/statetest"
)

// speaker is an agent that calls a tool and says words, and then waits to be released.
type speaker struct {
	words  []string
	said   chan struct{} // closed when it has said all
	finish chan struct{} // closed to let it finish
	left   chan struct{} // closed when Run has returned
}

func newSpeaker(words ...string) *speaker {
	return &speaker{
		words: words, said: make(chan struct{}), finish: make(chan struct{}), left: make(chan struct{}),
	}
}

// Run implements responder.
func (s *speaker) Run(ctx context.Context, request agent.Request) (agent.Answer, error) {
	defer close(s.left)
	observe := request.Observe
	if observe == nil {
		return agent.Answer{}, errors.New("the answer is not streamed")
	}
	call := agent.ToolCall{ID: "c1", Name: "clock", Arguments: "{}"}
	if len(s.words) > 0 {
		observe(agent.Token{Text: "Wait. "})
		observe(agent.ToolCalled{ToolCall: call})
		observe(agent.ToolAnswered{ID: "c1", Name: "clock", Result: "<noon>", Took: 1500 * time.Microsecond})
	}
	for _, word := range s.words {
		observe(agent.Token{Text: word})
	}
	close(s.said)
	answer := agent.Answer{
		Reply: strings.Join(s.words, ""),
		Messages: []agent.Message{
			{Role: agent.RoleAssistant, Content: "Wait. ", ToolCalls: []agent.ToolCall{call}},
			{Role: agent.RoleTool, ToolCallID: "c1", Content: "<noon>"},
			{Role: agent.RoleAssistant, Content: strings.Join(s.words, "")},
		},
		Usage: agent.Usage{PromptTokens: 3, CompletionTokens: 4, TotalTokens: 7},
	}
	select {
	case <-s.finish:
		return answer, nil
	case <-ctx.Done():
		return answer, ctx.Err()
	}
}

// event is an event of a stream.
type event struct{ id, name, data string }

// events reads a stream to its end.
func events(t *testing.T, stream io.Reader) (all []event) {
	t.Helper()
	for e, err := range sse.Read(stream, &sse.ReadConfig{MaxEventSize: 1 << 20}) {
		if err != nil {
			t.Errorf("after %d events: %v", len(all), err)
			return all
		}
		all = append(all, event{e.LastEventID, e.Type, e.Data})
	}
	return all
}

// texts returns the events as texts, without what is different each time. Texts in a row
// are one.
func texts(all []event) (out []string) {
	for i, e := range all {
		var token struct{ Text string }
		switch {
		case e.name == "run":
			out = append(out, "run")
		case e.name == "token" && i > 0 && all[i-1].name == "token":
			_ = json.Unmarshal([]byte(e.data), &token)
			out[len(out)-1] += token.Text
		case e.name == "token":
			_ = json.Unmarshal([]byte(e.data), &token)
			out = append(out, "token "+token.Text)
		default:
			out = append(out, e.name+" "+e.data)
		}
	}
	return out
}

// runID returns the id that the first event names.
func runID(t *testing.T, first event) string {
	t.Helper()
	var started struct {
		RunID     string `json:"run_id"`
		SessionID string `json:"session_id"`
	}
	if err := json.Unmarshal([]byte(first.data), &started); err != nil || first.name != "run" ||
		started.RunID == "" || started.SessionID == "" {
		t.Fatalf("the first event is %+v, %v", first, err)
	}
	return started.RunID
}

func (s *service) speak(with *speaker) { s.streams.chat.agent = with }

func TestStream(t *testing.T) {
	t.Parallel()
	s := newService(t)
	agent := newSpeaker("Hello, ", "<b>", "Bob", "!")
	close(agent.finish)
	s.speak(agent)
	rec := s.Send("POST", "/chat/stream", tutorialMessage)
	for header, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no",
	} {
		if got := rec.Header().Get(header); got != want {
			t.Errorf("%s is %q; want %q", header, got, want)
		}
	}
	if !strings.HasPrefix(rec.Body.String(), ":") || rec.Code != 200 {
		t.Errorf("the stream begins with status %d and %.40q; want a comment", rec.Code, rec.Body)
	}
	all := events(t, rec.Body)
	last := all[len(all)-1]
	var message struct {
		UserID   string `json:"user_id"`
		Reply    string
		Metadata map[string]any
		RunID    string `json:"run_id"`
		Usage    map[string]int
	}
	if err := json.Unmarshal([]byte(last.data), &message); err != nil || last.id != "1.end" {
		t.Fatalf("the last event is %+v, %v", last, err)
	}
	if diff := cmp.Diff([]string{
		"run", "token Wait. ", `tool_call {"id":"c1","name":"clock","arguments":"{}"}`,
		`tool_result {"id":"c1","name":"clock","result":"<noon>","duration_ms":1.5}`, "token Hello, <b>Bob!",
		"message " + last.data,
	}, texts(all)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if message.UserID != "bob" || message.Reply != "Hello, <b>Bob!" || message.RunID != runID(t, all[0]) ||
		message.Metadata["session_id"] != "123e4567-e89b-12d3-a456-426614174001" || message.Usage["total_tokens"] != 7 {
		t.Errorf("the message is %s", last.data)
	}
	if published := s.broker.events(); len(published) != 1 || published[0].UserID != "bob" {
		t.Errorf("published %+v; want one event of bob", published)
	}
	kept := s.Send("GET", "/users/bob/sessions/123e4567-e89b-12d3-a456-426614174001", "").Body.String()
	if !strings.Contains(kept, "Hello, <b>Bob!") {
		t.Errorf("the session is %s", kept)
	}
}

// TestStreamsGoOn reads the events of a run from every place on.
func TestStreamsGoOn(t *testing.T) {
	t.Parallel()
	s := newService(t)
	agent := newSpeaker("Hello, ", "Bob", "!")
	close(agent.finish)
	s.speak(agent)
	all := events(t, s.Send("POST", "/chat/stream", tutorialMessage).Body)
	path := "/runs/" + runID(t, all[0]) + "/events"
	want := texts(all)
	if diff := cmp.Diff(want, texts(events(t, s.Send("GET", path, "").Body))); diff != "" {
		t.Errorf("from the beginning (-want +got):\n%s", diff)
	}
	for i, e := range all[:len(all)-1] {
		for _, rec := range []*httptest.ResponseRecorder{
			s.Send("GET", path+"?after="+e.id, ""),
			s.Send("GET", path, "", "Last-Event-ID", e.id),
			s.Send("GET", path+"?after=1.0.0", "", "Last-Event-ID", e.id),
		} {
			rest := append(append([]event{}, all[:i+1]...), events(t, rec.Body)...)
			if diff := cmp.Diff(want, texts(rest)); diff != "" || rec.Code != 200 {
				t.Errorf("after %s, %d (-want +got):\n%s", e.id, rec.Code, diff)
			}
		}
	}
	if rec := s.Send("GET", path, "", "Last-Event-ID", "1.end"); rec.Code != 204 || rec.Body.Len() > 0 {
		t.Errorf("after the end the answer is %d %s; want 204", rec.Code, rec.Body)
	}
	s.ExpectProblem(t, "GET", path+"?after=soon", "", 422, `"loc":["query","after"]`)
	s.ExpectProblem(t, "GET", path, "", 422, `"loc":["header","Last-Event-ID"]`, "Last-Event-ID", "1")
	for _, method := range []string{"GET", "DELETE"} {
		s.ExpectProblem(t, method, "/runs/none", "", 404, `"Run not found"`)
	}
	s.ExpectProblem(t, "GET", "/runs/none/events", "", 404, `"Run not found"`)
}

// TestWhatBecameOfARun holds the answers for clients that read no stream.
func TestWhatBecameOfARun(t *testing.T) {
	t.Parallel()
	s := newService(t)
	agent := newSpeaker("Hello")
	s.speak(agent)
	id := s.leave(t)
	type status struct {
		Status, Started, Ended string
		UserID                 string `json:"user_id"`
		Last                   *struct {
			Event string
			Data  struct{ Reply string }
		}
	}
	read := func() (got status) {
		_ = json.Unmarshal(s.Send("GET", "/runs/"+id, "").Body.Bytes(), &got)
		return got
	}
	if got := read(); got.Status != "running" || got.UserID != "bob" || got.Started == "" ||
		got.Ended != "" || got.Last != nil {
		t.Errorf("a run in progress is %+v", got)
	}
	close(agent.finish)
	apitest.Eventually(t, "the run ends", func() bool { return read().Status == "answered" })
	if got := read(); got.Last == nil || got.Last.Event != "message" || got.Last.Data.Reply != "Hello" || got.Ended == "" {
		t.Errorf("a run that has ended is %+v", got)
	}
	s.Expect(t, "DELETE", "/runs/"+id, "", 200, fmt.Sprintf(`{"run_id":%q,"status":"answered"}`, id))
}

// leave sends a message, reads the stream until the agent has said all, and hangs up. It
// returns the id of the run.
func (s *service) leave(t *testing.T) (id string) {
	t.Helper()
	server := httptest.NewServer(s.Handler)
	defer server.Close()
	ctx, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	body := strings.NewReader(tutorialMessage)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/chat/stream", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	for e, err := range sse.Read(resp.Body, nil) {
		if err != nil {
			t.Fatal(err)
		}
		id = runID(t, event{e.LastEventID, e.Type, e.Data})
		break
	}
	<-s.streams.chat.agent.(*speaker).said
	return id
}

// TestARunGoesOnWithoutItsClient holds that a message counts once, and is in its session,
// whoever reads the answer.
func TestARunGoesOnWithoutItsClient(t *testing.T) {
	t.Parallel()
	s := newService(t)
	agent := newSpeaker("Hello")
	s.speak(agent)
	id := s.leave(t)
	if n := len(s.broker.events()); n != 0 {
		t.Errorf("%d events are published before the answer", n)
	}
	close(agent.finish)
	all := events(t, s.Send("GET", "/runs/"+id+"/events", "").Body)
	if last := all[len(all)-1]; last.name != "message" || len(s.broker.events()) != 1 {
		t.Errorf("the run ends with %+v, and %d events", last, len(s.broker.events()))
	}
}

// TestStopping holds what is left of an answer that is stopped.
func TestStopping(t *testing.T) {
	t.Parallel()
	for said, counted := range map[string]int{"Hello": 1, "": 0} {
		s := newService(t)
		agent := newSpeaker(strings.Fields(said)...)
		s.speak(agent)
		id := s.leave(t)
		s.Expect(t, "DELETE", "/runs/"+id, "", 200, fmt.Sprintf(`{"run_id":%q,"status":"stopping"}`, id))
		<-agent.left
		all := events(t, s.Send("GET", "/runs/"+id+"/events", "").Body)
		if last := all[len(all)-1]; last.name != "stopped" || last.data != fmt.Sprintf(`{"reply":%q}`, said) {
			t.Errorf("after %q the run ends with %+v", said, last)
		}
		if n := len(s.broker.events()); n != counted {
			t.Errorf("a run that was stopped after %q counts %d times; want %d", said, n, counted)
		}
		kept := s.Send("GET", "/users/bob/sessions/123e4567-e89b-12d3-a456-426614174001", "").Body.String()
		if strings.Contains(kept, `"stopped":true`) != (counted == 1) {
			t.Errorf("after %q the session is %s", said, kept)
		}
		s.Expect(t, "DELETE", "/runs/"+id, "", 200, fmt.Sprintf(`{"run_id":%q,"status":"stopped"}`, id))
	}
}

// TestStreamedFailures holds that an error has the status and the detail that an answer
// without a stream has, and that the message does not count.
func TestStreamedFailures(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		&agent.Error{Kind: agent.Unauthorized, Status: 401}, &agent.Error{Kind: agent.RateLimited, Status: 429},
		&agent.Error{Kind: agent.Timeout}, &agent.Error{Kind: agent.TooLong, Status: 400}, errors.New("secret"),
	} {
		s := newService(t)
		s.agent.err = err
		plain := s.Send("POST", "/chat/", tutorialMessage)
		all := events(t, s.Send("POST", "/chat/stream", tutorialMessage).Body)
		last := all[len(all)-1]
		want := fmt.Sprintf(`{"status":%d,%s`, plain.Code, strings.TrimSpace(plain.Body.String())[1:])
		if last.name != "error" || last.data != want || len(s.broker.events()) != 0 {
			t.Errorf("the last event is %+v; want %s; %d events", last, want, len(s.broker.events()))
		}
	}
	s := newService(t)
	agent := newSpeaker("Hello")
	close(agent.finish)
	s.speak(agent)
	s.broker.fail(errors.New("broker down"))
	_ = s.spool.Close()
	all := events(t, s.Send("POST", "/chat/stream", tutorialMessage).Body)
	if last := all[len(all)-1]; last.name != "error" || !strings.Contains(last.data, `"status":503`) ||
		!strings.Contains(last.data, "Send it again") {
		t.Errorf("without broker and spool the last event is %+v", last)
	}
}

// TestStreamsRefuseAsChatDoes holds that a wrong request gets JSON, and no stream.
func TestStreamsRefuseAsChatDoes(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for _, body := range []string{"", "[]", `{"user_id":"bob","text":" "}`, `{"user_id":"..","text":"hi"}`, `{"text":7}`} {
		plain, streamed := s.Send("POST", "/chat/", body), s.Send("POST", "/chat/stream", body)
		if plain.Code != streamed.Code || plain.Body.String() != streamed.Body.String() || plain.Code < 400 ||
			streamed.Header().Get("Content-Type") != plain.Header().Get("Content-Type") {
			t.Errorf("%s is answered %d %s; want %d %s", body, streamed.Code, streamed.Body, plain.Code, plain.Body)
		}
	}
	s.streams.runs.Close(t.Context())
	rec := s.ExpectProblem(t, "POST", "/chat/stream", tutorialMessage, 503, "too many")
	if rec.Header().Get("Retry-After") == "" {
		t.Error("the answer does not say when to come back")
	}
}

// TestSilentStreams holds that comments come before the first token and every 10 seconds.
func TestSilentStreams(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		manager := runs.New(runs.Config{
			Store: &statetest.Store{}, Longest: time.Hour, MaxRuns: 1, MaxFollowers: 1,
			Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
		})
		defer manager.Close(context.Background())
		slow := func(context.Context, func(runs.Entry)) runs.Outcome {
			<-time.After(35 * time.Second)
			return runs.Fail(504, "too late")
		}
		f, err := manager.Start(t.Context(), runs.Job{ID: runs.NewID(), Produce: slow})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		rec := httptest.NewRecorder()
		if err := (&streams{}).copy(t.Context(), &eventWriter{to: rec}, f); err != nil {
			t.Error(err)
		}
		if n := strings.Count(rec.Body.String(), "\n:") + 1; n != 3 {
			t.Errorf("in 35 seconds there are %d comments: %s", n, rec.Body)
		}
	})
}
