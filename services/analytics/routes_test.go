package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"daca/services/analytics/activity"
	"daca/services/internal/apitest"
	"daca/services/internal/contract"
	"daca/services/internal/serve"
)

// fakeBroker remembers what was published.
type fakeBroker struct {
	published []string
	err       error
	onPublish func()
}

func (b *fakeBroker) Publish(_ context.Context, topic string, event []byte) error {
	if b.onPublish != nil {
		b.onPublish()
	}
	if b.err == nil {
		b.published = append(b.published, topic+" "+string(event))
	}
	return b.err
}

// service is the whole HTTP surface of the analytics service on a store in memory.
type service struct {
	apitest.API
	store  *memoryStore
	broker *fakeBroker
	counts *counter
	shown  *activity.Activity
}

func newService(t testing.TB, environ ...string) *service {
	t.Helper()
	cfg, err := parseConfig(environ)
	if err != nil {
		t.Fatal(err)
	}
	s := &service{store: newMemoryStore(), broker: &fakeBroker{}}
	logger := slog.New(slog.DiscardHandler)
	metrics := serve.NewMetrics()
	s.counts = newCounter(s.store, counterConfig{
		Window: cfg.DedupWindow, Budget: cfg.CommitBudget,
	}, logger, metrics)
	letters := newDeadLetters(s.store, s.broker, cfg.CommitBudget, logger, metrics)
	checks := []serve.Check{{Name: contract.StateStore, Probe: s.counts.Ping}}
	arriving := newDeliveries(tokens{app: cfg.AppToken, admin: cfg.AdminToken}, logger)
	s.shown = activity.New(s.store, "replica", logger, metrics)
	s.Handler = newAPI(cfg, s.counts, letters, s.shown, arriving, checks, logger, metrics).Handler()
	return s
}

// delivered is a CloudEvent of topic messages as Dapr delivers it.
func delivered(id, data string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"chat-service","type":"MessageSent",`+
		`"time":"1999-12-31T12:00:00Z","datacontenttype":"application/json","topic":"messages","pubsubname":"pubsub",`+
		`"traceid":"","traceparent":"","tracestate":"","data":%s}`, id, data)
}

const sentByAlice = `{"event_type":"MessageSent","user_id":"alice"}`

// TestWalkThrough makes the requests of the tutorials and expects their answers.
func TestWalkThrough(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.Expect(t, "GET", "/", "", 200,
		`{"message":"Welcome to the DACA Analytics Service! Access /docs for the API documentation."}`)
	s.Expect(t, "GET", "/analytics/alice", "", 404, `{"detail":"User not found"}`)
	s.Expect(t, "POST", "/analytics/alice/initialize", `{"message_count": 5}`, 200,
		`{"status":"success","user_id":"alice","message_count":5}`)
	s.Expect(t, "POST", "/analytics/bob/initialize?message_count=3", "", 200,
		`{"status":"success","user_id":"bob","message_count":3}`)
	s.Expect(t, "GET", "/analytics/alice", "", 200, `{"message_count":5}`)
	s.Expect(t, "POST", "/messages", sentByAlice, 200, `{"status":"success"}`)
	s.Expect(t, "GET", "/analytics/alice", "", 200, `{"message_count":6}`)
	s.Expect(t, "POST", "/analytics/alice/increment", "", 200, `{"user_id":"alice","message_count":7}`)
	s.Expect(t, "POST", "/messages", `{"event_type":"OtherEvent","user_id":"bob"}`, 200,
		`{"status":"ignored","reason":"event_type is not MessageSent"}`)
	s.Expect(t, "POST", "/messages", `{"event_type":"MessageSent"}`, 200,
		`{"status":"ignored","reason":"user_id is missing"}`)
	s.Expect(t, "GET", "/analytics/bob", "", 200, `{"message_count":3}`)
	s.Expect(t, "POST", "/analytics/bob/initialize", `{"message_count": 4.0}`, 200,
		`{"status":"success","user_id":"bob","message_count":4}`)
}

func TestDelivery(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for range 3 { // redelivery
		s.Expect(t, "POST", "/messages", delivered("1", sentByAlice), 200,
			`{"status":"SUCCESS"}`, "Content-Type", contract.CloudEventsContentType)
	}
	s.Expect(t, "POST", "/messages", delivered("2", sentByAlice), 200, `{"status":"SUCCESS"}`)
	s.Expect(t, "GET", "/analytics/alice", "", 200, `{"message_count":2}`)

	registered := strings.ReplaceAll(
		delivered("3", `{"event_type":"UserRegistered","user_id":"carol"}`), "MessageSent", "UserRegistered")
	s.Expect(t, "POST", "/users", registered, 200, `{"status":"SUCCESS"}`)
	s.Expect(t, "GET", "/analytics/carol", "", 200, `{"message_count":0}`)
	s.Expect(t, "POST", "/users", strings.Replace(registered, "carol", "alice", 1), 200, `{"status":"SUCCESS"}`)
	s.Expect(t, "GET", "/analytics/alice", "", 200, `{"message_count":2}`)
}

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for range 2 {
		s.Expect(t, "POST", "/messages", sentByAlice, 200, `{"status":"success"}`, "Idempotency-Key", "k")
		s.Expect(t, "POST", "/analytics/bob/increment", "", 200,
			`{"user_id":"bob","message_count":1}`, "Idempotency-Key", "k")
	}
	s.Expect(t, "GET", "/analytics/alice", "", 200, `{"message_count":1}`)
	s.Expect(t, "POST", "/analytics/carol/initialize?message_count=5", "", 200,
		`{"status":"success","user_id":"carol","message_count":5}`, "Idempotency-Key", "k")
	s.Expect(t, "POST", "/analytics/carol/initialize?message_count=9", "", 422,
		`{"detail":[{"type":"value_error","loc":["header","Idempotency-Key"],`+
			`"msg":"The key was used to set another count","input":"k"}]}`, "Idempotency-Key", "k")
}

// TestPoisonBecomesADeadLetter holds that an event that can never be counted is kept
// and acknowledged, changes nothing, and costs the others of its batch nothing.
func TestPoisonBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"no data":           `{"specversion":"1.0","id":"1","source":"s","type":"t"}`,
		"data as a string":  delivered("1", `"x"`),
		"no id":             strings.Replace(delivered("1", sentByAlice), `"id":"1",`, "", 1),
		"numeric type":      delivered("1", `{"event_type":1,"user_id":"alice"}`),
		"unknown type":      delivered("1", `{"event_type":"X","user_id":"alice"}`),
		"double-wrapped":    delivered("1", delivered("2", sentByAlice)),
		"no time":           strings.Replace(delivered("1", sentByAlice), `"time":"1999-12-31T12:00:00Z",`, "", 1),
		"time to come":      strings.Replace(delivered("1", sentByAlice), `1999-12-31`, "9026-01-02", 1),
		"user of dots":      delivered("1", `{"event_type":"MessageSent","user_id":".."}`),
		"user with newline": delivered("1", `{"event_type":"MessageSent","user_id":"a\r\nb"}`),
		"user too long":     delivered("1", `{"event_type":"MessageSent","user_id":"`+strings.Repeat("a", 1024)+`"}`),
		"no JSON":           "no JSON at all",
		"nothing":           "",
		"not UTF-8":         "\xff\xfe",
		"another type":      delivered("1", `{"event_type":"UserRegistered","user_id":"alice"}`),
		"before 1970":       strings.Replace(delivered("1", sentByAlice), `1999-12-31`, "1969-12-31", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			good := []string{delivered("2", sentByAlice), delivered("3", sentByAlice)}
			s.Expect(t, "POST", "/messages", bulk(good[0], body, good[1]), 200, `{"statuses":[`+
				`{"entryId":"0","status":"SUCCESS"},{"entryId":"1","status":"SUCCESS"},{"entryId":"2","status":"SUCCESS"}]}`)
			s.Expect(t, "GET", "/analytics/alice", "", 200, `{"message_count":2}`)
			letters := s.letters(t)
			if len(letters) != 1 || letters[0].Reason == "" || letters[0].Topic != "messages" ||
				string(letters[0].Event)+string(letters[0].Raw) != body {
				t.Errorf("the dead letters are %+v; want the event, with a reason", letters)
			}
			if len(s.store.values) != 2 {
				t.Errorf("more is stored than alice and the letter: %v", s.store.values)
			}
		})
	}
}

func TestBadInputChangesNothing(t *testing.T) {
	t.Parallel()
	const (
		initialize = "/analytics/alice/initialize"
		big        = "9223372036854775808" // 2^63
	)
	for name, tc := range map[string]struct {
		target, body string
		status       int
		want         string
	}{
		"count missing":         {initialize, "", 422, `["query","message_count"]`},
		"count missing in body": {initialize, "{}", 422, `["body","message_count"]`},
		"count negative":        {initialize, `{"message_count":-1}`, 422, "greater_than_equal"},
		"count a float":         {initialize, `{"message_count":1.5}`, 422, "int_from_float"},
		"count 2^63":            {initialize, `{"message_count":` + big + `}`, 422, "less_than_equal"},
		"count text":            {initialize, `{"message_count":"five"}`, 422, "int_parsing"},
		"count null":            {initialize, `{"message_count":null}`, 422, "int_type"},
		"query negative":        {initialize + "?message_count=-1", "", 422, "greater_than_equal"},
		"query a float":         {initialize + "?message_count=1.5", "", 422, "int_parsing"},
		"query 2^63":            {initialize + "?message_count=" + big, "", 422, "less_than_equal"},
		"query text":            {initialize + "?message_count=five", "", 422, "int_parsing"},
		"null":                  {initialize, "null", 422, "model_attributes_type"},
		"list":                  {initialize, "[]", 422, "model_attributes_type"},
		"user of dots":          {"/analytics/%2e%2e/increment", "", 422, `["path","user_id"]`},
		"user with CR/LF":       {"/analytics/a%0d%0ab/increment", "", 422, `["path","user_id"]`},
		"user too long":         {"/analytics/" + strings.Repeat("a", 1024) + "/increment", "", 422, "string_too_long"},
		"user not UTF-8":        {"/analytics/%ff/increment", "", 400, "UTF-8"},
		"event empty":           {"/messages", "", 422, "missing"},
		"event null":            {"/messages", "null", 422, "not a JSON object"},
		"event list":            {"/messages", "[]", 422, "not a JSON object"},
		"event broken":          {"/messages", `{"event_type":`, 422, "not valid JSON"},
		"event numeric type":    {"/messages", `{"event_type":1,"user_id":"alice"}`, 422, "must be strings"},
		"event bad user":        {"/messages", `{"event_type":"MessageSent","user_id":"a\u0000b"}`, 422, "control"},
		"event too large":       {"/messages", `{"x":"` + strings.Repeat("a", 16<<10) + `"}`, 413, "16384"},
		"count in another case": {initialize, `{"Message_Count":42}`, 422, "missing"},
		"body too large":        {initialize, `{"x":"` + strings.Repeat("a", 1<<20) + `"}`, 413, "16384"},
		"count 1e400":           {initialize, `{"message_count":1e400}`, 422, "message_count"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			s.ExpectProblem(t, "POST", tc.target, tc.body, tc.status, tc.want)
			if len(s.store.values) != 0 {
				t.Errorf("something was stored: %v", s.store.values)
			}
		})
	}
}

// TestEveryAcceptedUserIDWorksEverywhere holds the promise of contract.UserID.
func TestEveryAcceptedUserIDWorksEverywhere(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"alice", "a||b", "../x", "a/b", "%2e%2e%2f", "a?b#c", "😀", "a b+c", "%_deadletters"} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			quoted, _ := json.Marshal(id)
			path := "/analytics/" + url.PathEscape(id)
			event := fmt.Sprintf(`{"event_type":"MessageSent","user_id":%s}`, quoted)
			s.Expect(t, "GET", path, "", 404, `{"detail":"User not found"}`)
			s.Expect(t, "POST", "/messages", delivered("1", event), 200, `{"status":"SUCCESS"}`)
			s.Expect(t, "GET", path, "", 200, `{"message_count":1}`)
			s.Expect(t, "POST", path+"/initialize", `{"message_count":4}`, 200,
				fmt.Sprintf(`{"status":"success","user_id":%s,"message_count":4}`, quoted))
			s.Expect(t, "POST", path+"/increment", "", 200, fmt.Sprintf(`{"user_id":%s,"message_count":5}`, quoted))
		})
	}
}

func TestUnreachableStoreIsNotACountOf0(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.store.fail = func(string) fault { return noSuchStore }
		const text = "The state store statestore is unavailable; nothing can be said about the count. Try again later."
		const unreachable = `{"detail":"` + text + `"}`
		s.Expect(t, "GET", "/analytics/alice", "", 503, unreachable)
		s.Expect(t, "POST", "/analytics/alice/increment", "", 503, unreachable)
		s.Expect(t, "POST", "/analytics/alice/initialize?message_count=1", "", 503, unreachable)
		s.Expect(t, "POST", "/messages", sentByAlice, 503, unreachable)
		s.Expect(t, "POST", "/messages", delivered("1", sentByAlice), 200,
			`{"status":"RETRY","reason":"`+text+`"}`)
		s.Expect(t, "GET", "/readyz", "", 503, `{"status":"unavailable","checks":{"statestore":"fails, the log says why"}}`)
		s.Expect(t, "GET", "/healthz", "", 200, `{"status":"ok"}`)
	})
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.Expect(t, "GET", "/deadletters", "", 200, `{"deadletters":[]}`)
	event := delivered("1", sentByAlice)
	for range 2 { // a copy is the same letter
		s.Expect(t, "POST", "/deadletters", rawDelivery(event), 200, `{"status":"SUCCESS"}`)
	}
	s.Expect(t, "POST", "/deadletters", rawDelivery("no JSON at all"), 200, `{"status":"SUCCESS"}`)

	letters := s.letters(t)
	if len(letters) != 2 {
		t.Fatalf("%d letters; want 2", len(letters))
	}
	good := letters[0]
	bad := letters[1]
	if good.Topic != "messages" || !strings.Contains(good.Reason, "nothing is wrong") ||
		string(bad.Raw) != "no JSON at all" {
		t.Errorf("letters are %+v", letters)
	}
	s.Expect(t, "POST", "/deadletters/nope/replay", "", 404, `{"detail":"Dead letter not found"}`)
	s.Expect(t, "POST", "/deadletters/"+bad.ID+"/replay", "", 409,
		`{"detail":"The event cannot be replayed: it names no topic of this service"}`)

	s.broker.err = errors.New("no broker")
	if rec := s.Send("POST", "/deadletters/"+good.ID+"/replay", ""); rec.Code != 503 {
		t.Errorf("replay without a broker answers %d %s", rec.Code, rec.Body)
	}
	s.broker.err = nil
	s.Expect(t, "POST", "/deadletters/"+good.ID+"/replay", "", 200, `{"status":"replayed","id":"`+good.ID+`"}`)
	const clean = `{"specversion":"1.0","id":"1","source":"chat-service","type":"MessageSent",` +
		`"time":"1999-12-31T12:00:00Z","datacontenttype":"application/json",` +
		`"data":{"event_type":"MessageSent","user_id":"alice"}}`
	if len(s.broker.published) != 1 || s.broker.published[0] != "messages "+clean {
		t.Errorf("published %q", s.broker.published)
	}
	s.Expect(t, "DELETE", "/deadletters/"+bad.ID, "", 200, `{"status":"deleted","id":"`+bad.ID+`"}`)
	s.Expect(t, "GET", "/deadletters", "", 200, `{"deadletters":[]}`)
}

// rawDelivery is a raw payload of topic deadletters as Dapr delivers it.
func rawDelivery(published string) string {
	body, _ := json.Marshal(map[string]any{
		"specversion": "1.0", "id": "x", "source": "s", "type": "t",
		"topic": "deadletters", "pubsubname": "pubsub", "data_base64": []byte(published),
	})
	return string(body)
}

func (s *service) letters(t *testing.T) []letter {
	t.Helper()
	var list struct{ DeadLetters []letter }
	if err := json.Unmarshal(s.Send("GET", "/deadletters", "").Body.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	return list.DeadLetters
}

// TestAReplayedLetterThatComesBackStays holds that the letter of an event that fails
// again, however soon, is not removed.
func TestAReplayedLetterThatComesBackStays(t *testing.T) {
	t.Parallel()
	s := newService(t)
	event := sentAt(time.Now().Add(48 * time.Hour)) // by a clock that is ahead
	s.Expect(t, "POST", "/messages", bulk(event), 200, `{"statuses":[{"entryId":"0","status":"SUCCESS"}]}`)
	s.broker.onPublish = func() {
		s.broker.onPublish = nil
		s.Expect(t, "POST", "/messages", bulk(event), 200, `{"statuses":[{"entryId":"0","status":"SUCCESS"}]}`)
	}
	id := s.letters(t)[0].ID
	s.Expect(t, "POST", "/deadletters/"+id+"/replay", "", 200, `{"status":"replayed","id":"`+id+`"}`)
	if n := len(s.letters(t)); n != 1 {
		t.Errorf("%d letters are left; want the one that came back", n)
	}
}

// TestReplayPublishesNothingOfItsOwn holds that nobody can publish whatever he likes
// by a dead letter: "traceid":7 would end every sidecar that delivers it.
func TestReplayPublishesNothingOfItsOwn(t *testing.T) {
	t.Parallel()
	s := newService(t)
	good := delivered("1", sentByAlice)
	strange := strings.Replace(good, `"traceid":""`, `"traceid":7,"extra":{"a":[]}`, 1)
	s.Expect(t, "POST", "/deadletters", bulk(strange), 200, `{"statuses":[{"entryId":"0","status":"SUCCESS"}]}`)
	s.Expect(t, "POST", "/deadletters", bulk(strings.Replace(good, sentByAlice, `{"user_id":7}`, 1)), 200,
		`{"statuses":[{"entryId":"0","status":"SUCCESS"}]}`)
	letters := s.letters(t)
	s.Expect(t, "POST", "/deadletters/"+letters[0].ID+"/replay", "", 200,
		`{"status":"replayed","id":"`+letters[0].ID+`"}`)
	s.Expect(t, "POST", "/deadletters/"+letters[1].ID+"/replay", "", 409,
		`{"detail":"The event cannot be replayed: data: event_type and user_id must be strings"}`)
	if len(s.broker.published) != 1 || strings.Contains(s.broker.published[0], "trace") ||
		strings.Contains(s.broker.published[0], "extra") {
		t.Errorf("published %q", s.broker.published)
	}
}

// bulk is a bulk delivery of raw payloads, with the entry ids 0, 1 and so on.
func bulk(payloads ...string) string {
	entries := make([]map[string]any, len(payloads))
	for i, payload := range payloads {
		entries[i] = map[string]any{
			"entryId": strconv.Itoa(i), "contentType": "application/octet-stream", "metadata": nil,
			"event": []byte(payload), // in base64
		}
	}
	body, _ := json.Marshal(map[string]any{
		"entries": entries, "id": "x", "metadata": map[string]string{"pubsubName": "pubsub"},
		"pubsubname": "pubsub", "topic": "messages", "type": "com.dapr.event.sent.bulk",
	})
	return string(body)
}

// sentAt is an event of alice with the time as its id.
func sentAt(at time.Time) string {
	body, _ := contract.Event{
		ID: at.Format(time.RFC3339Nano), Time: at.Truncate(time.Millisecond), Type: contract.MessageSent, UserID: "alice",
	}.Encode()
	return string(body)
}

// TestDeadLettersNeverHoldUpDelivery holds that every payload that may arrive on the
// topic is acknowledged: otherwise it would be redelivered forever.
func TestDeadLettersNeverHoldUpDelivery(t *testing.T) {
	t.Parallel()
	s := newService(t)
	accepted := func(published string) {
		t.Helper()
		rec := s.Send("POST", "/deadletters", rawDelivery(published))
		if rec.Code != 200 || !strings.Contains(rec.Body.String(), `"status":"SUCCESS"`) {
			t.Fatalf("%.50q is answered %d %.200s", published, rec.Code, rec.Body)
		}
	}
	accepted("")
	accepted(`{"x":"` + strings.Repeat("a", 1<<20) + `"}`)
	accepted(strings.Repeat("\xff", 1<<20))
	accepted(delivered("1", fmt.Sprintf(`{"user_id":"alice","event_type":%q}`, strings.Repeat("é", 1<<20))))
	accepted(`{"topic":"` + strings.Repeat("t", 1<<20) + `"}`)
	if stored := len(s.store.values[contract.DeadLettersKey]); stored > 10<<10 {
		t.Errorf("letters of large events take %d bytes", stored)
	}
	for _, l := range s.letters(t) {
		if l.Event != nil || l.Raw != nil {
			t.Errorf("a letter of %d bytes is kept whole", l.Size)
		}
		if rec := s.Send("POST", "/deadletters/"+l.ID+"/replay", ""); rec.Code != 409 {
			t.Errorf("replaying a letter of %d bytes answers %d", l.Size, rec.Code)
		}
	}
	for i := range 40 {
		accepted(fmt.Sprintf(`{"n":%d,"x":%q}`, i, strings.Repeat("<", 30<<10)))
	}
	n := len(s.letters(t))
	stored := len(s.store.values[contract.DeadLettersKey])
	if n < 35 || n >= 45 || stored > maxStoredBytes {
		t.Errorf("%d letters of %d bytes are kept; want as many as fit", n, stored)
	}
	s.store.set(contract.DeadLettersKey, "damaged")
	accepted(delivered("2", `{"user_id":7}`))
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	apitest.Golden(t, "openapi.json", newService(t).Send("GET", "/openapi.json", "").Body.Bytes())
}

func TestConfigDefaults(t *testing.T) {
	t.Parallel()
	cfg, err := parseConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	common := serve.Config{
		Port: 8001, LogLevel: "info", LogFormat: "json", MaxBodyBytes: 16 << 10, ShutdownGrace: 10 * time.Second,
		CORSOrigins: []string{"http://localhost:3000", "http://localhost:8000"},
	}
	if diff := cmp.Diff(common, cfg.Config); diff != "" {
		t.Errorf("the common defaults (-want +got):\n%s", diff)
	}
	if cfg.DaprPort != 50001 || cfg.DedupWindow != 24*time.Hour || cfg.CommitBudget != 5*time.Second {
		t.Errorf("the defaults are %+v", cfg)
	}
}

func TestConfigNamesTheVariable(t *testing.T) {
	t.Parallel()
	for _, assignment := range []string{
		"PORT=70000", "PORT=http", "DAPR_GRPC_PORT=-1", "MAX_BODY_BYTES=1", "SHUTDOWN_GRACE=0s",
		"DEDUP_WINDOW=1s", "COMMIT_BUDGET=1m",
	} {
		name, _, _ := strings.Cut(assignment, "=")
		if _, err := parseConfig([]string{assignment}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v; want an error that names %s", assignment, err, name)
		}
	}
}

// TestAppToken holds that with an app token only the sidecar delivers events.
func TestAppToken(t *testing.T) {
	t.Parallel()
	s := newService(t, "APP_API_TOKEN=s3cret")
	event := delivered("1", `{"user_id":"alice","event_type":"MessageSent"}`)
	const refused = `{"detail":"Only the Dapr sidecar delivers events, with its app token in the header dapr-api-token."}`
	for _, route := range []string{"/messages", "/users", "/deadletters"} {
		s.Expect(t, "POST", route, event, 401, refused)
		s.Expect(t, "POST", route, event, 401, refused, "dapr-api-token", "guess")
	}
	s.Expect(t, "GET", "/analytics/alice", "", 404, `{"detail":"User not found"}`)
	s.Expect(t, "POST", "/messages", event, 200, `{"status":"SUCCESS"}`, "dapr-api-token", "s3cret")
	s.Expect(t, "GET", "/analytics/alice", "", 200, `{"message_count":1}`)
}
