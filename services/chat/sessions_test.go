package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daca/services/chat/agent"
	"daca/services/chat/session"
	"daca/services/internal/contract"
	"daca/services/internal/state"
)

// tell sends a message of a session, and returns the answer without times.
func (s *service) tell(t *testing.T, user, id, text string, headers ...string) string {
	t.Helper()
	body := fmt.Sprintf(`{"user_id":%q,"text":%q,"metadata":{"session_id":%q}}`, user, text, id)
	rec := s.Send("POST", "/chat/", body, headers...)
	if rec.Code != 200 {
		t.Fatalf("POST /chat/ %s answers %d %s", body, rec.Code, rec.Body)
	}
	return withoutTimes(rec.Body.Bytes())
}

func withoutTimes(body []byte) string {
	return string(bytes.TrimSpace(regexp.MustCompile(`"20\d\d-[^"]*Z"`).ReplaceAll(body, []byte(`"T"`))))
}

func (s *service) session(t *testing.T, user, id string) (found session.Session) {
	t.Helper()
	rec := s.Send("GET", "/users/"+user+"/sessions/"+id, "")
	if err := json.Unmarshal(rec.Body.Bytes(), &found); err != nil || rec.Code != 200 {
		t.Fatalf("session %s of %s: %d %s", id, user, rec.Code, rec.Body)
	}
	return found
}

// TestASecondMessageHasAHistory holds that the agent gets what was said before in the
// session, and that the answer is the same as without a history.
func TestASecondMessageHasAHistory(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.tell(t, "bob", "s", "My name is Bob.")
	first := s.agent.last
	if len(first.History) != 0 {
		t.Errorf("the first message has the history %+v", first.History)
	}
	got := s.tell(t, "bob", "s", "Who am I?")
	want := fmt.Sprintf(`{"user_id":"bob","reply":%q,"metadata":{"timestamp":"T","session_id":"s"}}`,
		first.Instructions+" | Who am I?")
	if got != want {
		t.Errorf("the answer is %s; want %s", got, want)
	}
	history := []agent.Message{
		{Role: agent.RoleUser, Content: "My name is Bob."},
		{Role: agent.RoleAssistant, Content: first.Instructions + " | My name is Bob."},
	}
	if diff := cmp.Diff(history, s.agent.last.History); diff != "" {
		t.Errorf("the history (-want +got):\n%s", diff)
	}
	s.tell(t, "eve", "s", "Who am I?")
	if got := s.agent.last.History; len(got) != 0 {
		t.Errorf("another user's agent gets %+v", got)
	}
}

// TestASessionThatTheServiceMade holds that it goes on when the client sends its id.
func TestASessionThatTheServiceMade(t *testing.T) {
	t.Parallel()
	s := newService(t)
	id := s.chat(t, "/chat/", `{"user_id":"bob","text":"first"}`).Metadata.SessionID
	s.tell(t, "bob", id, "second")
	if got := s.agent.last.History; len(got) != 2 || got[0].Content != "first" {
		t.Errorf("the history is %+v", got)
	}
}

// TestMessagesWithoutTheStore holds that they are answered and counted, and say what is
// missing.
func TestMessagesWithoutTheStore(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.tell(t, "bob", "s", "1")
	s.away.Store(true)
	if got := s.tell(t, "bob", "s", "2"); !strings.HasSuffix(got,
		`"metadata":{"timestamp":"T","session_id":"s","history":"unavailable","kept":false}}`) {
		t.Errorf("the answer is %s", got)
	}
	if len(s.agent.last.History) != 0 || len(s.broker.events()) != 2 {
		t.Errorf("the history is %+v, and %d events are published", s.agent.last.History, len(s.broker.events()))
	}
	if rec := s.Send("GET", "/readyz", ""); !strings.Contains(rec.Body.String(), `"statestore":"fails`) ||
		!strings.Contains(rec.Body.String(), `"status":"degraded"`) {
		t.Errorf("/readyz answers %s", rec.Body)
	}
	for _, route := range [][3]string{
		{"GET", "", ""}, {"GET", "/s", ""}, {"DELETE", "/s", ""}, {"PATCH", "/s", `{"title":"x"}`},
	} {
		s.ExpectProblem(t, route[0], "/users/bob/sessions"+route[1], route[2], 503, "statestore is unavailable")
	}
	s.away.Store(false)
	if got := s.tell(t, "bob", "s", "3"); !strings.HasSuffix(got, `"metadata":{"timestamp":"T","session_id":"s"}}`) {
		t.Errorf("the answer is %s", got)
	}
	if got := s.agent.last.History; len(got) != 2 || got[0].Content != "1" {
		t.Errorf("the history is %+v", got)
	}
}

func TestAHistoryThatIsShortenedSaysSo(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for range 2 {
		s.tell(t, "bob", "s", strings.Repeat("a long message ", 2000))
	}
	if got := s.tell(t, "bob", "s", "hi"); !strings.HasSuffix(got, `"session_id":"s","history":"shortened"}}`) {
		t.Errorf("the answer is %s", got)
	}
}

// TestWhatIsNotAnsweredIsNotKept holds that sessions and counts agree, and that a request
// that is repeated is one turn.
func TestWhatIsNotAnsweredIsNotKept(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.agent.err = &agent.Error{Kind: agent.Timeout}
	s.ExpectProblem(t, "POST", "/chat/", `{"user_id":"bob","text":"hi","metadata":{"session_id":"s"}}`, 504, "in time")
	s.ExpectProblem(t, "GET", "/users/bob/sessions/s", "", 404, "Session not found")
	s.agent.err = nil
	for range 2 {
		s.tell(t, "bob", "s", "hi", "Idempotency-Key", "k")
	}
	got := s.session(t, "bob", "s")
	if event := s.broker.events()[0]; len(got.Turns) != 1 || got.Turns[0].ID != event.ID {
		t.Errorf("the turns are %+v; want one with the id of event %s", got.Turns, event.ID)
	}
}

func TestSessionRoutes(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.Expect(t, "GET", "/users/bob/sessions", "", 200, `{"sessions":[]}`)
	for i := range 3 {
		s.tell(t, "bob", fmt.Sprint("s", i), fmt.Sprint("message ", i))
	}
	reply := s.agent.last.Instructions + " | message 2"
	rec := s.Send("GET", "/users/bob/sessions/s2", "")
	want := fmt.Sprintf(`{"session_id":"s2","title":"message 2","created":"T","updated":"T","turn_count":1,`+
		`"dropped_turns":0,`+
		`"turns":[{"id":%q,"time":"T","text":"message 2","messages":[{"role":"assistant","content":%q}],`+
		`"message_count":3}]}`,
		s.broker.events()[2].ID, reply)
	if got := withoutTimes(rec.Body.Bytes()); got != want {
		t.Errorf("the session is\n %s\nwant\n %s", got, want)
	}
	rec = s.Send("PATCH", "/users/bob/sessions/s2", `{"title":"  Renamed "}`)
	if got, want := withoutTimes(rec.Body.Bytes()),
		`{"session_id":"s2","title":"Renamed","created":"T","updated":"T","turn_count":1}`; rec.Code != 200 || got != want {
		t.Errorf("renaming answers %d %s; want %s", rec.Code, got, want)
	}

	var titles []string
	for target := "/users/bob/sessions?limit=2"; target != ""; {
		var page struct {
			Sessions   []session.Summary
			NextCursor string `json:"next_cursor"`
		}
		if err := json.Unmarshal(s.Send("GET", target, "").Body.Bytes(), &page); err != nil || len(page.Sessions) == 0 {
			t.Fatalf("%s: %v, %+v", target, err, page)
		}
		for _, summary := range page.Sessions {
			titles = append(titles, summary.Title)
		}
		target = ""
		if page.NextCursor != "" {
			target = "/users/bob/sessions?limit=2&cursor=" + url.QueryEscape(page.NextCursor)
		}
	}
	if len(titles) != 3 || !strings.Contains(strings.Join(titles, ","), "Renamed") {
		t.Errorf("the pages have %v", titles)
	}

	s.Expect(t, "DELETE", "/users/bob/sessions/s2", "", 200, `{"status":"deleted","session_id":"s2"}`)
	for _, method := range []string{"GET", "DELETE"} {
		s.Expect(t, method, "/users/bob/sessions/s2", "", 404, `{"detail":"Session not found"}`)
	}
	s.Expect(t, "PATCH", "/users/bob/sessions/s2", `{"title":"x"}`, 404, `{"detail":"Session not found"}`)
	s.Expect(t, "GET", "/users/eve/sessions/s1", "", 404, `{"detail":"Session not found"}`)

	for target, want := range map[string]string{
		"?limit=0": "greater_than_equal", "?limit=201": "less_than_equal", "?limit=x": "int_parsing",
		"?cursor=nonsense": "not a cursor", "/" + strings.Repeat("s", 257): "string_too_long",
	} {
		s.ExpectProblem(t, "GET", "/users/bob/sessions"+target, "", 422, want)
	}
	for body, want := range map[string]string{
		`{}`: "missing", `{"title":""}`: "string_too_short", `{"title":" \n"}`: "text that is not blank",
		`{"title":"` + strings.Repeat("x", 81) + `"}`: "string_too_long",
	} {
		s.ExpectProblem(t, "PATCH", "/users/bob/sessions/s1", body, 422, want)
	}
}

// TestSessionIDs holds that an id which POST /chat/ accepts works on the other routes.
func TestSessionIDs(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for _, id := range []string{"a/b", "a||b", "%2e", "a?b#c", "😀", "a b+c", "\n", strings.Repeat("é", 256)} {
		quoted, _ := json.Marshal(id)
		s.chat(t, "/chat/", fmt.Sprintf(`{"user_id":"a/b","text":"hi","metadata":{"session_id":%s}}`, quoted))
		if got := s.session(t, "a%2Fb", url.PathEscape(id)); got.ID != id || len(got.Turns) != 1 {
			t.Errorf("session %q is %+v", id, got)
		}
	}
}

// TestADocumentThatIsNoSession holds that it is told from a store that is away.
func TestADocumentThatIsNoSession(t *testing.T) {
	t.Parallel()
	s := newService(t)
	key := contract.SessionKey("bob", "s")
	if err := s.store.Put(t.Context(), state.Put{Key: key, Value: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	s.ExpectProblem(t, "GET", "/users/bob/sessions/s", "", 500, "not a session")
	if got := s.tell(t, "bob", "s", "hi"); !strings.Contains(got, `"history":"unavailable","kept":false`) {
		t.Errorf("the answer is %s", got)
	}
	s.Expect(t, "DELETE", "/users/bob/sessions/s", "", 200, `{"status":"deleted","session_id":"s"}`)
}
