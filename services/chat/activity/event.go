package activity

import (
	"cmp"
	"reflect"
	"slices"
	"time"

	"daca/services/internal/contract"
)

// Stage is how far a message has come, or what became of its event.
type Stage string

// The stages that chat knows. Those after them are the outcomes of analytics: counted,
// duplicate, registered and dead letter.
const (
	Answering Stage = "answering"
	Spooled   Stage = "spooled" // on disk, to be published later
	Published Stage = "published"
	Failed    Stage = "failed" // there is no answer, and nothing was published
)

const (
	counted    = "counted"
	duplicate  = "duplicate"
	registered = "registered"
)

// Event is one message, or another event, as it is shown. What is not known is absent:
//
//	{
//	  "key": "5b2a0c61-17", "id": "0f0bd9ec-8a3c-5a0e-8f5a-3c1d2b4e6f70", "type": "MessageSent",
//	  "user_id": "alice", "stage": "counted", "received_at": "2026-01-02T15:04:04.1002Z",
//	  "answered_at": "2026-01-02T15:04:05.123Z", "published_at": "2026-01-02T15:04:05.125Z",
//	  "spooled": false, "delivered_at": "2026-01-02T15:04:05.126412Z",
//	  "counted_at": "2026-01-02T15:04:05.127115Z", "stored_ms": 0.6, "count": 6, "outcome": "counted"
//	}
type Event struct {
	Key         string             `json:"key" doc:"An event with a known key replaces that one."`
	ID          string             `json:"id,omitempty" doc:"Of the published event, when the message is answered."`
	Type        contract.EventType `json:"type"`
	UserID      string             `json:"user_id"`
	Stage       Stage              `json:"stage" enum:"answering,spooled,published,counted,duplicate,registered,dead letter,failed"`
	ReceivedAt  time.Time          `json:"received_at,omitzero" doc:"When chat got the request, by its clock."`
	AnsweredAt  time.Time          `json:"answered_at,omitzero" doc:"When chat had the answer, by its clock."`
	PublishedAt time.Time          `json:"published_at,omitzero" doc:"When the broker had the event, by the clock of chat."`
	Spooled     bool               `json:"spooled" doc:"Whether the event was put on disk, because it could not be published in time."`
	DeliveredAt time.Time          `json:"delivered_at,omitzero" doc:"When analytics got the event, by its clock."`
	CountedAt   time.Time          `json:"counted_at,omitzero" doc:"When the state store had it, by the clock of analytics."`
	StoredMS    float64            `json:"stored_ms,omitzero" doc:"How long the commit took that counted it."`
	Count       *int64             `json:"count,omitempty" doc:"Of the user, after the event."`
	Outcome     string             `json:"outcome,omitempty" enum:"counted,duplicate,registered,dead letter"`
	Reason      string             `json:"reason,omitempty" doc:"Why it failed, or is a dead letter."`
}

// micros returns the time as it is shown.
func micros(at time.Time) time.Time {
	if at.IsZero() {
		return time.Time{}
	}
	return at.UTC().Truncate(time.Microsecond)
}

// Minute is how many events were counted in the minute that begins then.
type Minute struct {
	Minute  time.Time `json:"minute"`
	Counted int       `json:"counted"`
}

// User is a user of the last events.
type User struct {
	UserID string    `json:"user_id"`
	Count  int64     `json:"count" doc:"After the user's last event."`
	At     time.Time `json:"at" doc:"When that was counted."`
}

// Letters are the newest dead letters, and how many there are in all.
type Letters struct {
	Total   int       `json:"total"`
	ReadAt  time.Time `json:"read_at" doc:"When analytics has read them."`
	Letters []Letter  `json:"letters" doc:"The newest ones, newest first."`
}

// Letter is a dead letter without its event.
type Letter struct {
	ID         string    `json:"id" doc:"By which it is replayed or deleted."`
	Topic      string    `json:"topic"`
	Type       string    `json:"type"`
	UserID     string    `json:"user_id"`
	Reason     string    `json:"reason"`
	ReceivedAt time.Time `json:"received_at"`
}

// Answer is what GET /activity of analytics answers.
type Answer struct {
	Events      []Counted `json:"events"`
	Minutes     []Minute  `json:"minutes"`
	Users       []User    `json:"users"`
	DeadLetters *Letters  `json:"dead_letters"` // nil if analytics cannot read them
}

// Counted is an event of an Answer.
type Counted struct {
	ID          string             `json:"id"`
	Type        contract.EventType `json:"type"`
	UserID      string             `json:"user_id"`
	ReceivedAt  time.Time          `json:"received_at"`
	AnsweredAt  time.Time          `json:"answered_at"`
	DeliveredAt time.Time          `json:"delivered_at"`
	CountedAt   time.Time          `json:"counted_at"`
	StoredMS    float64            `json:"stored_ms"`
	Count       *int64             `json:"count"`
	Outcome     string             `json:"outcome"`
	Reason      string             `json:"reason"`
}

// merge adds an answer of analytics to what is known. Its replicas know of each other with
// a delay, so that an answer may lack what an earlier one had. The caller holds mu.
func (a *Activity) merge(answer Answer) {
	events := answer.Events
	for i := range events {
		a.mergeEvent(&events[i])
	}
	slices.SortStableFunc(a.others, func(x, y *row) int { return x.CountedAt.Compare(y.CountedAt) })
	a.others = slices.Clone(a.others[max(0, len(a.others)-maxOthers):])
	letters := answer.DeadLetters
	if old := a.answer.DeadLetters; letters != nil && old != nil && letters.ReadAt.Before(old.ReadAt) {
		letters = old // another replica has read them since
	}
	a.answer = Answer{Minutes: answer.Minutes, Users: answer.Users, DeadLetters: letters}
}

func (a *Activity) mergeEvent(e *Counted) {
	known := a.find(e)
	if len(known) == 0 {
		if len(a.others) >= maxOthers && e.CountedAt.Before(a.others[0].CountedAt) {
			return // it was forgotten
		}
		key := e.ID
		if slices.ContainsFunc(a.others, func(r *row) bool { return r.Key == key }) {
			key += " " + string(e.Type) + " " + e.UserID
		}
		known = []*row{{Event: Event{Key: key, ID: e.ID, Type: e.Type, UserID: e.UserID}}}
	}
	for i, r := range known {
		before := r.Event
		e := *e
		if i > 0 && e.Outcome == counted {
			e.Outcome = duplicate // one of them was counted
		}
		r.take(&e)
		if r.Stage = r.stage(); !reflect.DeepEqual(r.Event, before) {
			a.show(r)
		}
	}
	if last := known[0]; !slices.Contains(a.others, last) {
		a.others = append(a.others, last)
	}
}

// find returns the rows of the event: several if requests had the same Idempotency-Key.
func (a *Activity) find(e *Counted) (known []*row) {
	for i := range uint64(maxOwn) {
		r := a.own[(a.begun+i)%maxOwn] // oldest first
		if r != nil && r.is(e.ID, e.Type, e.UserID) {
			known = append(known, r)
		}
	}
	for _, r := range a.others {
		if r.is(e.ID, e.Type, e.UserID) && !slices.Contains(known, r) {
			known = append(known, r)
		}
	}
	return known
}

// take takes over what analytics says of the event. A copy that changed nothing does not
// hide that the event was counted, and an older outcome does not replace a newer one.
func (r *row) take(e *Counted) {
	done := r.Outcome == counted || r.Outcome == registered
	if done && e.Outcome == duplicate || e.CountedAt.Before(r.CountedAt) {
		return
	}
	r.ReceivedAt = cmpTime(r.ReceivedAt, e.ReceivedAt)
	r.AnsweredAt = cmpTime(r.AnsweredAt, e.AnsweredAt)
	r.DeliveredAt, r.CountedAt = micros(e.DeliveredAt), micros(e.CountedAt)
	r.StoredMS, r.Count, r.Outcome = e.StoredMS, e.Count, e.Outcome
	r.Reason = contract.Shorten(e.Reason, maxReason)
}

// cmpTime returns the first time that is known.
func cmpTime(times ...time.Time) time.Time {
	for _, at := range times {
		if !at.IsZero() {
			return micros(at)
		}
	}
	return time.Time{}
}

// rows returns all rows, in the order in which they were received. The caller holds mu.
func (a *Activity) rows() []*row {
	var all []*row
	for i := range uint64(maxOwn) {
		if r := a.own[(a.begun+i)%maxOwn]; r != nil {
			all = append(all, r)
		}
	}
	for _, r := range a.others {
		if !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	began := func(r *row) time.Time { return cmpTime(r.ReceivedAt, r.AnsweredAt, r.DeliveredAt, r.CountedAt) }
	slices.SortStableFunc(all, func(x, y *row) int {
		return cmp.Or(began(x).Compare(began(y)), cmp.Compare(x.Key, y.Key))
	})
	return all
}
