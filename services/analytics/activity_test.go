package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"daca/services/internal/contract"
)

// shownActivity is the answer of GET /activity, as a client reads it.
type shownActivity struct {
	Events []struct {
		ID          string
		Type        string
		UserID      string    `json:"user_id"`
		ReceivedAt  time.Time `json:"received_at"`
		AnsweredAt  time.Time `json:"answered_at"`
		DeliveredAt time.Time `json:"delivered_at"`
		CountedAt   time.Time `json:"counted_at"`
		Count       *int64
		Outcome     string
		Reason      string
		Replica     string
	}
	Minutes []struct{ Counted int }
	Users   []struct {
		UserID string `json:"user_id"`
		Count  int64
	}
	DeadLetters *struct {
		Total   int
		Letters []map[string]string
	} `json:"dead_letters"`
}

func (s *service) activity(t *testing.T, headers ...string) (shown shownActivity) {
	t.Helper()
	rec := s.Send("GET", "/activity", "", headers...)
	if rec.Code != 200 {
		t.Fatalf("GET /activity answers %d %s", rec.Code, rec.Body)
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &shown); err != nil {
		t.Fatal(err)
	}
	return shown
}

// outcomes returns what became of the events, in their order.
func (a shownActivity) outcomes() string {
	var all []string
	for _, e := range a.Events {
		count := "-"
		if e.Count != nil {
			count = fmt.Sprint(*e.Count)
		}
		all = append(all, fmt.Sprintf("%s %s %s %s", e.ID, e.UserID, e.Outcome, count))
	}
	return strings.Join(all, ", ")
}

// TestActivity holds what is shown of each kind of event.
func TestActivity(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		if got := s.activity(t); got.Events == nil || len(got.Events) != 0 || len(got.Minutes) != 30 ||
			got.Users == nil || got.DeadLetters == nil || got.DeadLetters.Total != 0 || got.DeadLetters.Letters == nil {
			t.Errorf("before the first event it shows %+v", got)
		}
		received := time.Now().Add(-time.Second)
		sent := contract.Event{
			ID: "1", Time: time.Now().Add(-time.Millisecond), Received: received, Answered: received.Add(time.Microsecond),
			Type: contract.MessageSent, UserID: "alice",
		}
		event, err := sent.Encode()
		if err != nil {
			t.Fatal(err)
		}
		const bad = `{"specversion":"1.0","id":"bad","source":"s","type":"Other","time":"1999-12-31T12:00:00Z",` +
			`"data":{"event_type":"Other","user_id":"legacy-bot"}}`
		s.Send("POST", "/messages", bulk(string(event), delivered("2", sentByAlice), string(event), bad, "no JSON"))
		registered := strings.ReplaceAll(
			delivered("3", `{"event_type":"UserRegistered","user_id":"carol"}`), "MessageSent", "UserRegistered")
		s.Send("POST", "/users", registered)
		<-time.After(time.Minute)
		s.Send("POST", "/messages", sentByAlice, "Idempotency-Key", "secret")

		got := s.activity(t)
		noID, bare := digest("no JSON"), digest("MessageSent secret")
		want := "1 alice counted 1, 2 alice counted 2, 1 alice duplicate 2, bad legacy-bot dead letter -, " +
			noID + "  dead letter -, 3 carol registered 0, " + bare + " alice counted 3"
		if got.outcomes() != want {
			t.Errorf("it shows\n%s; want\n%s", got.outcomes(), want)
		}
		first, letter := got.Events[0], got.Events[3]
		if !first.ReceivedAt.Equal(received.Truncate(time.Microsecond)) ||
			!first.AnsweredAt.Equal(sent.Answered.Truncate(time.Microsecond)) ||
			first.DeliveredAt.Before(first.AnsweredAt) || first.CountedAt.Before(first.DeliveredAt) ||
			first.Type != "MessageSent" || first.Replica != "replica" {
			t.Errorf("the first event is %+v", first)
		}
		if letter.Type != "Other" || letter.Reason != `data: event_type is "Other"; expected "MessageSent"` {
			t.Errorf("the dead letter is %+v", letter)
		}
		if n := len(got.Minutes); got.Minutes[n-1].Counted != 1 || got.Minutes[n-2].Counted != 2 {
			t.Errorf("the minutes are %+v", got.Minutes)
		}
		if len(got.Users) != 2 || got.Users[0].UserID != "alice" || got.Users[0].Count != 3 || got.Users[1].Count != 0 {
			t.Errorf("the users are %+v", got.Users)
		}
		if got.DeadLetters.Total != 2 || len(got.DeadLetters.Letters) != 2 {
			t.Errorf("the dead letters are %+v", got.DeadLetters)
		}
		if strings.Contains(s.Send("GET", "/activity", "").Body.String(), "secret") {
			t.Error("a client's key is shown")
		}
	})
}

// TestActivityShowsTheNewestDeadLetters holds how many are shown and that those that this replica
// removes are gone soon, and that a damaged list does not hide the events.
func TestActivityShowsTheNewestDeadLetters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		for i := range maxLettersShown + 5 {
			id := fmt.Sprint("letter ", i)
			s.Send("POST", "/messages", bulk(delivered(id, `{"event_type":"Other","user_id":"legacy-bot"}`)))
			<-time.After(time.Second)
		}
		got := s.activity(t).DeadLetters
		if got.Total != maxLettersShown+5 || len(got.Letters) != maxLettersShown {
			t.Fatalf("%d letters of %d are shown", len(got.Letters), got.Total)
		}
		newest := got.Letters[0]
		all := s.letters(t)
		if l := all[len(all)-1]; newest["id"] != l.ID || newest["user_id"] != "legacy-bot" || newest["type"] != "Other" ||
			newest["topic"] != "messages" || newest["reason"] == "" ||
			newest["received_at"] != l.ReceivedAt.Format(time.RFC3339Nano) {
			t.Errorf("the newest letter is %v; want that of %+v", newest, l)
		}
		s.Send("DELETE", "/deadletters/"+newest["id"], "")
		<-time.After(ownLettersEvery)
		if now := s.activity(t).DeadLetters; now.Total != got.Total-1 || now.Letters[0]["id"] == newest["id"] {
			t.Errorf("a letter that is removed is still shown")
		}
		s.store.set(contract.DeadLettersKey, "{")
		<-time.After(lettersEvery)
		if now := s.activity(t); now.DeadLetters != nil || len(now.Events) == 0 {
			t.Errorf("without a list of dead letters it shows %d events and %v", len(now.Events), now.DeadLetters)
		}
	})
}

// TestActivityCannotBeTold holds that a store that fails is no empty answer, and that
// events that are to be delivered again are not shown.
func TestActivityCannotBeTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.store.fail = func(string) fault { return noSuchStore }
		s.Send("POST", "/messages", bulk(delivered("1", sentByAlice)))
		s.ExpectProblem(t, "GET", "/activity", "", 503, "statestore is unavailable")
		s.store.fail = func(string) fault { return noFault }
		if got := s.activity(t).outcomes(); got != "" {
			t.Errorf("it shows %s; want nothing of an event that is to be delivered again", got)
		}
		s.Send("POST", "/messages", bulk(delivered("1", sentByAlice)))
		if got := s.activity(t).outcomes(); got != "1 alice counted 1" {
			t.Errorf("it shows %s", got)
		}
	})
}

// TestWhoMayAskForActivity holds that other services may through their sidecars, and
// operators.
func TestWhoMayAskForActivity(t *testing.T) {
	t.Parallel()
	s := newService(t, "APP_API_TOKEN=s3cret", "ADMIN_TOKEN=op")
	const refused = "Only operators may see this"
	s.ExpectProblem(t, "GET", "/activity", "", 401, refused)
	s.ExpectProblem(t, "GET", "/activity", "", 401, refused, "dapr-api-token", "guess", "Authorization", "Bearer guess")
	s.activity(t, "dapr-api-token", "s3cret")
	s.activity(t, "Authorization", "Bearer op")
}

// TestNameEvent holds that whatever a stranger publishes has short names.
func TestNameEvent(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 10*maxNamed)
	short := contract.Shorten(long, maxNamed)
	for payload, want := range map[string]named{
		"":                                      {},
		"x":                                     {},
		"null":                                  {},
		`[1]`:                                   {},
		`"a"`:                                   {},
		`{"id`:                                  {},
		`{"id":7,"type":[],"data":7}`:           {},
		`{"id":"1","type":"T"}`:                 {id: "1", kind: "T"},
		`{"id":"\u0031","type":"T","data":"x"}`: {id: "1", kind: "T"},
		`{"id":"1","type":"T","data":{"event_type":"D","user_id":"bob"}}`: {"1", "D", "bob"},
		`{"id":"1","type":"T","data":{"event_type":7,"user_id":["bob"]}}`: {id: "1", kind: "T"},
		`{"id":"1","id":"2"}`: {},
		`{"id":"` + long + `","data":{"user_id":"` + long + `"}}`:      {id: short, user: short},
		`{"id":"1","x":"` + strings.Repeat("a", maxLetterBytes) + `"}`: {},
	} {
		if got := nameEvent([]byte(payload)); got != want {
			t.Errorf("%.80s has the names %+v; want %+v", payload, got, want)
		}
	}
}
