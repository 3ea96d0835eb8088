package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daca/services/chat/agent"
	"daca/services/chat/mcpclient"
	"daca/services/chat/page"
	"daca/services/internal/apitest"
	"daca/services/internal/contract"
	"daca/services/internal/serve"
	"daca/services/internal/state/statetest"
)

// fakeCounts has one count for all users, or fails.
type fakeCounts struct {
	n    int64
	err  error
	wait bool // until the context ends
}

func (f *fakeCounts) Count(ctx context.Context, _ contract.UserID) (int64, error) {
	if f.wait {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	return f.n, f.err
}

// fakeAgent answers with its instructions and the text, or fails.
type fakeAgent struct {
	err   error
	takes time.Duration

	mu   sync.Mutex
	last agent.Request
}

func (f *fakeAgent) Run(_ context.Context, request agent.Request) (agent.Answer, error) {
	<-time.After(f.takes)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = request
	reply := request.Instructions + " | " + request.Text
	return agent.Answer{Reply: reply, Messages: []agent.Message{{Role: agent.RoleAssistant, Content: reply}}}, f.err
}

// fakeBroker remembers what was published, or fails.
type fakeBroker struct {
	mu        sync.Mutex
	published []contract.Event
	err       error
	refused   string        // a topic
	poison    string        // the id of an event that is refused
	hang      chan struct{} // PublishAll waits until it is closed, unless it is nil
	tried     int           // calls of Publish and PublishAll
}

func (b *fakeBroker) Publish(ctx context.Context, topic string, event []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tried++
	return b.take(ctx, topic, event)
}

// PublishAll publishes events until one is refused.
func (b *fakeBroker) PublishAll(ctx context.Context, topic string, events [][]byte) error {
	b.mu.Lock()
	hang := b.hang
	b.mu.Unlock()
	if hang != nil {
		<-hang
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tried++
	for _, event := range events {
		if err := b.take(ctx, topic, event); err != nil {
			return err
		}
	}
	return nil
}

func (b *fakeBroker) take(ctx context.Context, topic string, event []byte) error {
	if b.err != nil {
		return b.err
	}
	if topic == b.refused {
		return errors.New("topic not allowed")
	}
	want := contract.MessageSent
	if topic == contract.TopicUsers {
		want = contract.UserRegistered
	}
	e, err := contract.DecodeCloudEvent(event, want)
	if err != nil {
		return err
	}
	if e.ID == b.poison {
		return errors.New("this event is not accepted")
	}
	b.published = append(b.published, e)
	return ctx.Err()
}

func (b *fakeBroker) attempts() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tried
}

func (b *fakeBroker) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
}

func (b *fakeBroker) events() []contract.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]contract.Event{}, b.published...)
}

// service is the whole HTTP surface of the chat service with a real spool and fakes
// of everything else.
type service struct {
	apitest.API
	app     *chat
	counts  *fakeCounts
	agent   *fakeAgent
	broker  *fakeBroker
	spool   *spool
	store   *statetest.Store // of sessions and runs
	away    atomic.Bool      // whether store fails
	streams *streams

	analytics fakeAnalytics
}

func newService(t *testing.T, environ ...string) *service {
	t.Helper()
	s := &service{broker: &fakeBroker{}}
	s.store = &statetest.Store{Fail: func(string, ...string) statetest.Fault {
		if s.away.Load() {
			return statetest.Before
		}
		return statetest.None
	}}
	s.start(t, environ...)
	return s
}

// newReplica returns another replica: it has the store and the broker in common.
func newReplica(t *testing.T, of *service) *service {
	t.Helper()
	s := &service{broker: of.broker, store: of.store}
	s.start(t)
	return s
}

func (s *service) start(t *testing.T, environ ...string) {
	t.Helper()
	// The budget is not all used up on a busy machine, and tests without a broker wait for it.
	cfg, err := parseConfig(append([]string{"OPENAI_API_KEY=sk-test", "PUBLISH_BUDGET=1s"}, environ...))
	if err != nil {
		t.Fatal(err)
	}
	s.counts, s.agent = &fakeCounts{n: 3}, &fakeAgent{}
	logger := slog.New(slog.DiscardHandler)
	s.spool, err = openSpool(filepath.Join(t.TempDir(), "spool.db"), cfg.SpoolMaxBytes, logger)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.spool.Close() })
	metrics := serve.NewMetrics()
	shown := cfg.newActivity(&s.analytics, s.spool, logger)
	t.Cleanup(shown.Close)
	c := &chat{
		counts: s.counts, countTimeout: time.Second, agent: s.agent, agentTimeout: time.Second, logger: logger,
		events:   newPublisher(s.broker, &fakeStore{}, s.spool, shown, cfg.PublishBudget, logger, metrics),
		sessions: cfg.newSessions(s.store, logger), tools: &mcpclient.Servers{}, shown: shown,
	}
	t.Cleanup(c.sessions.Close)
	s.app = c
	s.streams = newStreams(cfg, c, s.store, metrics)
	t.Cleanup(func() { s.streams.runs.Close(context.Background()) })
	made, err := page.New()
	if err != nil {
		t.Fatal(err)
	}
	s.Handler = newAPI(cfg, c, s.streams, &watching{shown, &s.analytics, logger}, made, []serve.Check{
		{Name: contract.PubSub, Optional: true, Probe: c.events.Probe},
		{Name: contract.StateStore, Optional: true, Probe: c.sessions.Probe},
		{Name: contract.AnalyticsApp, Optional: true, Probe: c.countOutcome.Probe},
		{Name: "model", Optional: true, Probe: c.modelOutcome.Probe},
	}, logger, metrics).Handler()
}

type chatReply struct {
	UserID   string `json:"user_id"`
	Reply    string
	Metadata struct {
		Timestamp time.Time
		SessionID string `json:"session_id"`
	}
}

func (s *service) chat(t *testing.T, target, body string, headers ...string) chatReply {
	t.Helper()
	rec := s.Send("POST", target, body, headers...)
	var r chatReply
	if err := json.Unmarshal(rec.Body.Bytes(), &r); err != nil || rec.Code != 200 {
		t.Fatalf("POST %s %s answers %d %s", target, body, rec.Code, rec.Body)
	}
	return r
}

const tutorialMessage = `{
	"user_id": "bob",
	"text": "Hello, how are you?",
	"metadata": {"timestamp": "2025-04-06T12:00:00Z", "session_id": "123e4567-e89b-12d3-a456-426614174001"},
	"tags": ["greeting"]
}`

func TestChat(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"/chat/", "/chat"} {
		s := newService(t)
		before := time.Now().Add(-time.Second)
		got := s.chat(t, target, tutorialMessage)
		if got.UserID != "bob" || !strings.Contains(got.Reply, "The user has sent 3 messages so far") ||
			!strings.HasSuffix(got.Reply, "| Hello, how are you?") {
			t.Errorf("answer is %+v", got)
		}
		if got.Metadata.SessionID != "123e4567-e89b-12d3-a456-426614174001" || got.Metadata.Timestamp.Before(before) {
			t.Errorf("metadata is %+v", got.Metadata)
		}
		events := s.broker.events()
		if len(events) != 1 || events[0].UserID != "bob" || events[0].Type != contract.MessageSent ||
			events[0].ID == "" || events[0].Time.Before(before) {
			t.Errorf("published %+v; want one MessageSent of bob", events)
		}
	}
}

func TestChatMakesASession(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for _, body := range []string{
		`{"user_id":"bob","text":"hi"}`,
		`{"user_id":"bob","text":"hi","metadata":null}`,
		`{"user_id":"bob","text":"hi","metadata":{},"tags":null}`,
	} {
		if got := s.chat(t, "/chat/", body); len(got.Metadata.SessionID) != 36 {
			t.Errorf("session_id is %q; want a UUID", got.Metadata.SessionID)
		}
	}
}

func TestChatDoesNotMentionAnUnknownCount(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.counts.err = errors.New("analytics is down")
	if got := s.chat(t, "/chat/", tutorialMessage); strings.Contains(got.Reply, "messages so far") {
		t.Errorf("the agent was told a count: %s", got.Reply)
	}
	if rec := s.Send("GET", "/readyz", ""); !strings.Contains(rec.Body.String(), `"analytics-service":"fails`) {
		t.Errorf("/readyz does not name it: %s", rec.Body)
	}
	if len(s.broker.events()) != 1 {
		t.Error("the message is not counted")
	}
}

// TestEventsHappenWhenTheAnswerIsGiven holds that the time of an event is not that of
// the request: the counter refuses events that are too old. With an Idempotency-Key it is
// the time of the first request, which other replicas can know before the answer.
func TestEventsHappenWhenTheAnswerIsGiven(t *testing.T) {
	t.Parallel()
	for key, after := range map[string]time.Duration{"": 50 * time.Millisecond, "k": 0} {
		s := newService(t)
		s.agent.takes = 50 * time.Millisecond
		before := time.Now()
		s.chat(t, "/chat/", tutorialMessage, "Idempotency-Key", key)
		if at := s.broker.events()[0].Time; at.Before(before.Add(after).Truncate(time.Millisecond)) {
			t.Errorf("with key %q the event happened %s after the request; the answer took %s",
				key, at.Sub(before), s.agent.takes)
		}
	}
}

// TestAClientThatLeavesSaysNothingAboutAnalytics cancels a request while its user's
// count is asked for.
func TestAClientThatLeavesSaysNothingAboutAnalytics(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.counts.wait = true
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	req := httptest.NewRequestWithContext(ctx, "POST", "/chat/", strings.NewReader(tutorialMessage))
	req.Header.Set("Content-Type", "application/json")
	s.ServeHTTP(httptest.NewRecorder(), req)
	if rec := s.Send("GET", "/readyz", ""); !strings.Contains(rec.Body.String(), `"analytics-service":"ok"`) {
		t.Errorf("/readyz answers %s", rec.Body)
	}
}

// TestReadinessShowsTheSpool holds the README's signal for scaling down.
func TestReadinessShowsTheSpool(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.broker.fail(errors.New("broker down"))
	s.chat(t, "/chat/", tutorialMessage)
	s.broker.fail(nil) // nobody drains: it waits
	rec := s.Send("GET", "/readyz", "")
	if !strings.Contains(rec.Body.String(), `"status":"degraded"`) ||
		!strings.Contains(rec.Body.String(), `topic messages: 1 events wait in the spool, the oldest for `) {
		t.Errorf("/readyz answers %s", rec.Body)
	}
}

func TestIdempotencyKeyIsOneEvent(t *testing.T) {
	t.Parallel()
	s := newService(t)
	const bob = `{"user_id":"bob","text":"hi"}`
	const eve = `{"user_id":"eve","text":"hi"}`
	for _, request := range [][2]string{{bob, "k"}, {bob, "k"}, {bob, "l"}, {eve, "k"}, {bob, ""}, {bob, ""}} {
		s.chat(t, "/chat/", request[0], "Idempotency-Key", request[1])
	}
	ids := map[string]bool{}
	published := s.broker.events()
	for _, e := range published {
		ids[e.ID] = true
	}
	if len(published) != 5 || len(ids) != 5 {
		t.Errorf("events are %v; want one for bob's key k, and one for each other request", published)
	}
}

func TestBadInputIsNeitherAnsweredNorCounted(t *testing.T) {
	t.Parallel()
	valid := func(field, value string) string {
		fields := map[string]string{"user_id": `"bob"`, "text": `"hi"`}
		fields[field] = value
		var b strings.Builder
		for name, v := range fields {
			fmt.Fprintf(&b, `,%q:%s`, name, v)
		}
		return "{" + b.String()[1:] + "}"
	}
	for name, tc := range map[string]struct {
		body   string
		status int
		want   string
	}{
		"empty":         {"", 422, `"loc":["body"]`},
		"null":          {"null", 422, "model_attributes_type"},
		"list":          {"[]", 422, "model_attributes_type"},
		"broken":        {`{"user_id":`, 422, "json_invalid"},
		"trailing":      {valid("text", `"hi"`) + "{}", 422, "json_invalid"},
		"deeply nested": {valid("tags", strings.Repeat("[", 20_000)+strings.Repeat("]", 20_000)), 422, "64 levels"},
		"all missing": {"{}", 422, `[{"type":"missing","loc":["body","user_id"],"msg":"Field required","input":{}},` +
			`{"type":"missing","loc":["body","text"],"msg":"Field required","input":{}}]`},
		"text empty":           {valid("text", `""`), 400, `"Message text cannot be empty"`},
		"text blank":           {valid("text", `" \t\n\u00a0"`), 400, `"Message text cannot be empty"`},
		"text a number":        {valid("text", `7`), 422, "string_type"},
		"text with NUL":        {valid("text", `"a\u0000b"`), 422, "without NUL"},
		"text not UTF-8":       {valid("text", "\"\xff\""), 422, "json_invalid"},
		"text of 1 MiB":        {valid("text", `"`+strings.Repeat("a", 1<<20)+`"`), 413, "65536"},
		"user a number":        {valid("user_id", `7`), 422, "string_type"},
		"user empty":           {valid("user_id", `""`), 422, "string_too_short"},
		"user in another case": {`{"User_ID":"bob","text":"hi"}`, 422, `"missing","loc":["body","user_id"]`},
		"text in another case": {`{"user_id":"bob","TEXT":"hi"}`, 422, `"missing","loc":["body","text"]`},
		"user of dots":         {valid("user_id", `".."`), 422, "user id"},
		"user with CR/LF":      {valid("user_id", `"a\r\nb"`), 422, "user id"},
		"user of 1 KiB":        {valid("user_id", `"`+strings.Repeat("a", 1024)+`"`), 422, "string_too_long"},
		"metadata text":        {valid("metadata", `"x"`), 422, "model_attributes_type"},
		"timestamp no date":    {valid("metadata", `{"timestamp":"soon"}`), 422, "datetime_from_date_parsing"},
		"timestamp true":       {valid("metadata", `{"timestamp":true}`), 422, "datetime_from_date_parsing"},
		"session a number":     {valid("metadata", `{"session_id":7}`), 422, "string_type"},
		"tags text":            {valid("tags", `"x"`), 422, "list_type"},
		"many wrong tags":      {valid("tags", "["+strings.Repeat("1,", 30_000)+"1]"), 422, "too_long"},
		"tag a number":         {valid("tags", `["a",7]`), 422, `["body","tags",1]`},
		"user given twice":     {`{"user_id":"bob","user_id":"eve","text":"hi"}`, 422, "json_invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			rec := s.ExpectProblem(t, "POST", "/chat/", tc.body, tc.status, tc.want)
			if len(s.broker.events()) != 0 || s.spool.Len(contract.TopicMessages) != 0 {
				t.Error("it was counted")
			}
			if rec.Body.Len() > 20_000 {
				t.Errorf("the answer has %d bytes", rec.Body.Len())
			}
		})
	}
	s := newService(t)
	s.ExpectProblem(t, "POST", "/chat/", "hi", 415, "text/plain", "Content-Type", "text/plain")
	s.ExpectProblem(t, "POST", "/chat/", tutorialMessage, 422, "string_too_long",
		"Idempotency-Key", strings.Repeat("k", 256))
	s.Expect(t, "PUT", "/chat/", "", 405, `{"detail":"Method Not Allowed"}`)
}

func TestTimestamps(t *testing.T) {
	t.Parallel()
	want := time.Date(2025, 4, 6, 12, 0, 0, 0, time.UTC)
	for given, want := range map[string]time.Time{
		`"2025-04-06T12:00:00Z"`: want, `"2025-04-06T12:00:00"`: want, `"2025-04-06 14:00:00+02:00"`: want,
		`"2025-04-06T12:00"`: want, `1743940800`: want, `1743940800000`: want, `"1743940800"`: want,
		`1743940800.5`: want.Add(time.Second / 2),
		`"2025-04-06"`: want.Add(-12 * time.Hour),
	} {
		var got timestamp
		if err := json.Unmarshal([]byte(given), &got); err != nil || got.err != nil || !got.Equal(want) {
			t.Errorf("%s is read as %v, %v, %v; want %v", given, got.Time, err, got.err, want)
		}
	}
	for _, given := range []string{`"tomorrow"`, `""`, `"NaN"`, `1e300`, `{}`, `"2025-13-01"`} {
		var got timestamp
		if err := json.Unmarshal([]byte(given), &got); err != nil || got.err == nil {
			t.Errorf("%s is read as %v; want it refused by Resolve", given, got.Time)
		}
	}
}

// TestModelFailures holds the answers to failures of the model, and that a message
// that was not answered is not counted.
func TestModelFailures(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err        error
		status     int
		retryAfter string
		want       string
	}{
		"unauthorized": {&agent.Error{Kind: agent.Unauthorized, Status: 401}, 502, "", "API key (status 401)"},
		"rate limited": {
			&agent.Error{Kind: agent.RateLimited, Status: 429, RetryAfter: 1500 * time.Millisecond}, 503, "2", "rate",
		},
		"no Retry-After": {&agent.Error{Kind: agent.RateLimited, Status: 429}, 503, "5", "rate"},
		"timeout":        {&agent.Error{Kind: agent.Timeout}, 504, "", "in time"},
		"unavailable":    {&agent.Error{Kind: agent.Unavailable}, 502, "", "unavailable"},
		"unavailable for a while": {
			&agent.Error{Kind: agent.Unavailable, Status: 503, RetryAfter: 7 * time.Second}, 503, "7", "unavailable",
		},
		"too long":        {&agent.Error{Kind: agent.TooLong, Status: 400}, 413, "", "too long for the model"},
		"rejected":        {&agent.Error{Kind: agent.Rejected, Status: 404}, 502, "", "OPENAI_MODEL"},
		"too many turns":  {&agent.Error{Kind: agent.TurnsExceeded}, 502, "", "tools"},
		"another error":   {errors.New("secret"), 500, "", "Internal Server Error"},
		"an unknown kind": {&agent.Error{Kind: "new"}, 500, "", "Internal Server Error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			s.agent.err = tc.err
			rec := s.ExpectProblem(t, "POST", "/chat/", tutorialMessage, tc.status, tc.want)
			if got := rec.Header().Get("Retry-After"); got != tc.retryAfter {
				t.Errorf("Retry-After is %q; want %q", got, tc.retryAfter)
			}
			if strings.Contains(rec.Body.String(), "secret") {
				t.Errorf("the answer contains the error: %s", rec.Body)
			}
			if len(s.broker.events()) != 0 || s.spool.Len(contract.TopicMessages) != 0 {
				t.Error("a message that was not answered is counted")
			}
		})
	}
}

func TestUsers(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.Expect(t, "GET", "/", "", 200,
		`{"message":"Welcome to the DACA Chat Service! Access /docs for the API documentation."}`)
	s.Expect(t, "GET", "/users/alice?role=admin", "", 200, `{"user_id":"alice","role":"admin"}`)
	s.Expect(t, "GET", "/users/bob", "", 200, `{"user_id":"bob","role":"guest"}`)
	s.Expect(t, "GET", "/users/bob?role=", "", 200, `{"user_id":"bob","role":"guest"}`)
	s.Expect(t, "POST", "/users/bob/register", "", 202, `{"status":"accepted","user_id":"bob"}`)
	got := s.broker.events()
	if len(got) != 1 || got[0].Type != contract.UserRegistered || got[0].UserID != "bob" {
		t.Errorf("published %+v; want one UserRegistered of bob", got)
	}
	for _, id := range []string{"a||b", "../x", "a/b", "%2e%2e%2f", "a?b#c", "😀", "a b+c"} {
		quoted, _ := json.Marshal(id)
		s.Expect(t, "GET", "/users/"+url.PathEscape(id), "", 200, fmt.Sprintf(`{"user_id":%s,"role":"guest"}`, quoted))
		s.Expect(t, "POST", "/users/"+url.PathEscape(id)+"/register", "", 202,
			fmt.Sprintf(`{"status":"accepted","user_id":%s}`, quoted))
		s.chat(t, "/chat/", fmt.Sprintf(`{"user_id":%s,"text":"hi"}`, quoted))
	}
	for _, path := range []string{"%2e%2e", "a%00b", strings.Repeat("a", 1024)} {
		if rec := s.Send("GET", "/users/"+path, ""); rec.Code != 422 {
			t.Errorf("GET /users/%.20s answers %d; want 422", path, rec.Code)
		}
	}
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	apitest.Golden(t, "openapi.json", newService(t).Send("GET", "/openapi.json", "").Body.Bytes())
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, assignment := range []string{
		"PORT=70000", "PORT=http", "DAPR_GRPC_PORT=-1", "DAPR_GRPC_PORT=x", "MAX_BODY_BYTES=1",
		"CORS_ORIGINS=nonsense", "DAPR_GRPC_ENDPOINT=http://localhost:50001", "OPENAI_BASE_URL=nonsense",
		"OPENAI_BASE_URL=ftp://x", "MAX_TURNS=0", "MODEL_TIMEOUT=never", "PUBLISH_BUDGET=0s",
		"SESSION_TTL=10ms", "SESSION_MAX_BYTES=1000",
		"SESSION_MAX_BYTES=4000000", "HISTORY_MAX_TOKENS=-1",
		"SPOOL_MAX_BYTES=1000", "SHUTDOWN_GRACE=0s", "MAX_RUNS=0", "MAX_FOLLOWERS=none", "MAX_WATCHERS=0",
	} {
		name, _, _ := strings.Cut(assignment, "=")
		_, err := parseConfig([]string{"OPENAI_API_KEY=k", assignment})
		if err == nil || !strings.Contains(err.Error(), " "+name+" ") {
			t.Errorf("%s: %v; want an error that names %s", assignment, err, name)
		}
	}
	if _, err := parseConfig(nil); err == nil || !strings.Contains(err.Error(), "OPENAI_API_KEY") {
		t.Errorf("without a model: %v; want an error that names OPENAI_API_KEY", err)
	}
	cfg, err := parseConfig([]string{"OPENAI_API_KEY=k"})
	if err != nil {
		t.Fatal(err)
	}
	common := serve.Config{
		Port: 8000, LogLevel: "info", LogFormat: "json", MaxBodyBytes: 64 << 10, ShutdownGrace: 130 * time.Second,
		CORSOrigins: []string{"http://localhost:3000"},
	}
	if diff := cmp.Diff(common, cfg.Config); diff != "" {
		t.Errorf("the common defaults (-want +got):\n%s", diff)
	}
	for environ, want := range map[string]time.Duration{
		"CHAT_TIMEOUT=5m": 310 * time.Second, "SHUTDOWN_GRACE=7s": 7 * time.Second, "PUBLISH_BUDGET=1s": 128 * time.Second,
	} {
		cfg, err := parseConfig([]string{"OPENAI_API_KEY=k", environ})
		if err != nil || cfg.ShutdownGrace != want {
			t.Errorf("with %s: SHUTDOWN_GRACE is %s, %v; want %s", environ, cfg.ShutdownGrace, err, want)
		}
	}
	type provider struct{ Key, BaseURL, Model string }
	for _, tc := range []struct {
		environ []string
		want    provider
	}{
		{[]string{"OPENAI_API_KEY=o"}, provider{"o", "", "gpt-4o"}},
		{[]string{"OPENAI_API_KEY= o\n"}, provider{"o", "", "gpt-4o"}},
		{[]string{"GEMINI_API_KEY=g"}, provider{"g", geminiBaseURL, geminiModel}},
		{[]string{"GEMINI_API_KEY=g", "OPENAI_API_KEY=o"}, provider{"o", "", "gpt-4o"}},
		{[]string{"GEMINI_API_KEY=g", "OPENAI_MODEL=gemini-2.5-pro"}, provider{"g", geminiBaseURL, "gemini-2.5-pro"}},
		{
			[]string{"OPENAI_BASE_URL=http://localhost:11434/v1", "OPENAI_MODEL=llama3.2"},
			provider{"", "http://localhost:11434/v1", "llama3.2"},
		},
	} {
		cfg, err := parseConfig(tc.environ)
		if diff := cmp.Diff(tc.want, provider{cfg.OpenAIKey, cfg.OpenAIBaseURL, cfg.OpenAIModel}); diff != "" || err != nil {
			t.Errorf("%v: %v (-want +got):\n%s", tc.environ, err, diff)
		}
	}
}
