package activity

import (
	"cmp"
	"slices"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"daca/services/internal/contract"
)

// Event is a Record as it is shown and stored:
//
//	{
//	  "id": "0f0bd9ec-8a3c-5a0e-8f5a-3c1d2b4e6f70", "type": "MessageSent", "user_id": "alice",
//	  "received_at": "2026-01-02T15:04:04.1002Z", "answered_at": "2026-01-02T15:04:05.123Z",
//	  "delivered_at": "2026-01-02T15:04:05.126412Z", "counted_at": "2026-01-02T15:04:05.127115Z",
//	  "stored_ms": 0.6, "count": 6, "outcome": "counted", "replica": "analytics-service-7c9f-abcde"
//	}
type Event struct {
	ID          string             `json:"id" doc:"The event's id, shortened if it is long; a digest if it has none."`
	Type        contract.EventType `json:"type"`
	UserID      string             `json:"user_id" doc:"Empty if the event names none."`
	ReceivedAt  time.Time          `json:"received_at,omitzero" doc:"When chat got the message, by its clock."`
	AnsweredAt  time.Time          `json:"answered_at,omitzero" doc:"When chat had the answer, by its clock, or else the event's time."`
	DeliveredAt time.Time          `json:"delivered_at" doc:"When the delivery reached analytics."`
	CountedAt   time.Time          `json:"counted_at" doc:"When the state store had it."`
	StoredMS    float64            `json:"stored_ms,omitzero" doc:"How long the commit took that counted it."`
	Count       *int64             `json:"count,omitempty" doc:"Of the user, after the event; absent for a dead letter."`
	Outcome     Outcome            `json:"outcome" enum:"counted,duplicate,registered,dead letter"`
	Reason      string             `json:"reason,omitempty" doc:"Why it is a dead letter."`
	Replica     string             `json:"replica" doc:"The host name of the replica that handled it."`
}

// shown returns the event of a record, with times in whole microseconds.
func (r Record) shown(replica string) Event {
	e := Event{
		ID: r.ID, Type: r.Type, UserID: string(r.UserID),
		ReceivedAt: shownTime(r.Received), AnsweredAt: shownTime(r.Answered),
		DeliveredAt: shownTime(r.Delivered), CountedAt: shownTime(r.Counted),
		StoredMS: float64(r.Stored.Microseconds()) / 1000,
		Outcome:  r.Outcome, Reason: r.Reason, Replica: replica,
	}
	if r.Outcome != DeadLetter {
		e.Count = &r.Count
	}
	return e
}

func shownTime(at time.Time) time.Time { return at.UTC().Truncate(time.Microsecond) }

// document is what all replicas have seen, the value under contract.ActivityKey. It is
// written only while somebody looks:
//
//	{
//	  "watched_until": "2026-01-02T15:04:15.5Z",
//	  "events": [{"id": "0f0bd9ec-…", "type": "MessageSent", "user_id": "alice", "outcome": "counted", …}],
//	  "replicas": [{"id": "5b2a0c61", "last": 29456104, "counted": [0, 3, 12]}]
//	}
//
// It has at most maxDocument bytes.
type document struct {
	WatchedUntil time.Time `json:"watched_until"`
	Events       []Event   `json:"events"` // oldest first, by CountedAt
	Replicas     []replica `json:"replicas"`
}

// replica is what one replica counted in each minute up to the last one. Each replica
// replaces its own, so that writing it twice changes nothing.
type replica struct {
	ID      string `json:"id"`
	Last    int64  `json:"last"` // minutes since 1970
	Counted []int  `json:"counted"`
}

// Limits of the document. The events have what the replicas leave of it.
const (
	maxDocument = 64 << 10 // bytes
	maxReplicas = 32       // with 30 numbers each, they have at most 16 KiB
	eventsBytes = 46 << 10 // of the events; the newest ones that fit are kept
)

// decode reads a document. One that is damaged begins again: it is only shown.
func decode(value []byte) document {
	var d document
	if len(value) == 0 || jsonv2.Unmarshal(value, &d) != nil {
		return document{}
	}
	return d
}

// own is what one replica contributes.
type own struct {
	events  []Event
	minutes replica
	added   uint64 // records, see ring
}

// merge adds what a replica has seen, and leaves out what is too old. To add the same
// again changes nothing.
func (d *document) merge(o own, now time.Time) {
	known := make(map[identity]bool, len(o.events))
	for i := range o.events {
		known[o.events[i].identity()] = true
	}
	events := slices.DeleteFunc(slices.Clone(d.Events), func(e Event) bool { return known[e.identity()] })
	events = append(events, o.events...)
	slices.SortStableFunc(events, func(a, b Event) int {
		return cmp.Or(a.CountedAt.Compare(b.CountedAt), cmp.Compare(a.Replica, b.Replica))
	})
	d.Events = events[max(0, len(events)-maxEvents):]

	oldest := minuteOf(now) - maxMinutes + 1
	replicas := slices.DeleteFunc(slices.Clone(d.Replicas), func(r replica) bool {
		return r.ID == o.minutes.ID || r.Last < oldest
	})
	if o.minutes.Last >= oldest {
		replicas = append(replicas, o.minutes)
	}
	d.Replicas = replicas[max(0, len(replicas)-maxReplicas):]
}

// identity tells events apart: each delivery of one has another time.
type identity struct {
	id, replica string
	outcome     Outcome
	counted     int64
}

func (e *Event) identity() identity {
	return identity{e.ID, e.Replica, e.Outcome, e.CountedAt.UnixMicro()}
}

// encode returns the value to be stored, without the oldest events if it would be too large.
func (d *document) encode() ([]byte, error) {
	size := 0
	first := len(d.Events)
	for first > 0 {
		value, err := jsonv2.Marshal(d.Events[first-1], jsontext.AllowInvalidUTF8(true))
		if err != nil {
			return nil, err
		}
		if size += len(value) + 1; size > eventsBytes {
			break
		}
		first--
	}
	d.Events = d.Events[first:]
	return jsonv2.Marshal(d, jsontext.AllowInvalidUTF8(true))
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

// View is what is shown.
type View struct {
	Events  []Event  `json:"events" doc:"The last ones, at most 60, in the order of counting."`
	Minutes []Minute `json:"minutes" doc:"The last 30 minutes, oldest first."`
	Users   []User   `json:"users" doc:"Of the events, newest first, at most 20."`
}

const maxUsers = 20

// view returns what the document shows.
func (d *document) view(now time.Time) View {
	v := View{Events: append([]Event{}, d.Events...), Minutes: make([]Minute, maxMinutes), Users: []User{}}
	oldest := minuteOf(now) - maxMinutes + 1
	for i := range v.Minutes {
		v.Minutes[i].Minute = time.Unix((oldest+int64(i))*60, 0).UTC()
	}
	for _, r := range d.Replicas {
		first := r.Last - int64(len(r.Counted)) + 1
		for i, n := range r.Counted {
			if at := first + int64(i) - oldest; at >= 0 && at < maxMinutes {
				v.Minutes[at].Counted += n
			}
		}
	}
	seen := map[string]bool{}
	for _, e := range slices.Backward(v.Events) {
		if e.Count == nil || seen[e.UserID] || len(v.Users) == maxUsers {
			continue
		}
		seen[e.UserID] = true
		v.Users = append(v.Users, User{UserID: e.UserID, Count: *e.Count, At: e.CountedAt})
	}
	return v
}
