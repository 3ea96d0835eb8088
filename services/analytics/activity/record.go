package activity

import (
	"time"

	"daca/services/internal/contract"
)

// Outcome is what became of an event.
type Outcome string

// What becomes of events. One that is to be delivered again is not recorded yet.
const (
	Counted    Outcome = "counted"
	Duplicate  Outcome = "duplicate"   // a copy, which changed nothing
	Registered Outcome = "registered"  // the user is known
	DeadLetter Outcome = "dead letter" // it can never be counted
)

// Record is what is remembered of one event that this replica has handled. A time that
// is not known is zero.
type Record struct {
	ID        string
	Type      contract.EventType
	UserID    contract.UserID
	Received  time.Time     // when the publisher got the request, by its clock
	Answered  time.Time     // when the publisher had the answer, or else the event's time
	Delivered time.Time     // when the delivery reached this replica
	Counted   time.Time     // when the store acknowledged the commit, or the dead letter was kept
	Stored    time.Duration // how long the commit took; 0 for a dead letter
	Count     int64         // of the user, after the event; it means nothing for a dead letter
	Outcome   Outcome
	Reason    string // why it is a dead letter
}

// Limits of what is remembered. Nothing that a stranger publishes makes it larger.
const (
	maxEvents  = 60
	maxMinutes = 30
	maxID      = 64  // bytes of an event's id, which the contract does not limit
	maxReason  = 200 // bytes
)

// ring has the last events of one replica, and how many it counted in each of the last
// minutes. Adding to it allocates nothing, except to shorten what is too long.
type ring struct {
	records [maxEvents]Record
	added   uint64 // records since the beginning
	minutes minutes
}

func (r *ring) add(rec Record) {
	if len(rec.ID) > maxID {
		rec.ID = contract.Shorten(rec.ID, maxID)
	}
	if len(rec.Reason) > maxReason {
		rec.Reason = contract.Shorten(rec.Reason, maxReason)
	}
	if rec.Outcome == Counted {
		r.minutes.add(minuteOf(rec.Counted))
	}
	r.records[r.added%maxEvents] = rec
	r.added++
}

// appendTo appends the records, oldest first.
func (r *ring) appendTo(records []Record) []Record {
	at := r.added % maxEvents
	if r.added >= maxEvents {
		records = append(records, r.records[at:]...)
	}
	return append(records, r.records[:at]...)
}

// minuteOf is the number of the minute since 1970.
func minuteOf(at time.Time) int64 { return at.Unix() / 60 }

// minutes are how many events were counted in the minute last, and in each of the
// minutes before it. An event of minute m is in counted[m%maxMinutes].
type minutes struct {
	last    int64
	counted [maxMinutes]int
}

func (m *minutes) add(minute int64) {
	if minute <= m.last-maxMinutes || minute >= m.last+maxMinutes { // it is long ago, or the clock was set back
		*m = minutes{last: minute}
	}
	for m.last < minute {
		m.last++
		m.counted[m.last%maxMinutes] = 0
	}
	m.counted[minute%maxMinutes]++
}

// list returns the counts, oldest first. The last one is that of the minute last.
func (m *minutes) list() []int {
	list := make([]int, 0, maxMinutes)
	for i := range int64(maxMinutes) {
		if minute := m.last - maxMinutes + 1 + i; minute >= 0 {
			list = append(list, m.counted[minute%maxMinutes])
		}
	}
	return list
}
