package main

import (
	"sync"
	"time"
)

// An event is remembered until the newest one is recentPeriod younger, and no longer
// than recentLimit: the counter has to know the copies of what it has counted for at
// least DEDUP_WINDOW, which is 10 minutes or more.
const (
	recentPeriod = 10 * time.Second
	recentLimit  = 5 * time.Minute
	recentEvents = 10_000
	recentBytes  = 4 << 20
)

// recent remembers the events of a topic that the broker acknowledged last. When the
// broker fails it may have lost them: a connection broke before it had an event, and
// the component reported success all the same; or the broker forgot its last second.
// The events are then suspect, until the drain has put them on disk to be published
// once more. A copy is not remembered again, so that an event has one at most.
type recent struct {
	mu           sync.Mutex
	acknowledged eventQueue
	suspects     eventQueue
}

// Remember adds the events of the records that the broker has taken.
func (r *recent) Remember(now time.Time, taken []record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range taken {
		if !t.Copy {
			r.acknowledged.push(acknowledged{at: now, event: t.Event})
		}
	}
	r.acknowledged.forget(now.Add(-recentPeriod))
}

// Suspect makes the remembered events suspect. It returns how many they are, and how
// many suspects it forgot because there are too many.
func (r *recent) Suspect(now time.Time) (found, forgotten int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.acknowledged.forget(now.Add(-recentLimit))
	found = len(r.acknowledged.all)
	for _, a := range r.acknowledged.all {
		forgotten += r.suspects.push(a)
	}
	r.acknowledged = eventQueue{}
	return found, forgotten
}

// TakeSuspects hands all suspects over.
func (r *recent) TakeSuspects() []record {
	r.mu.Lock()
	defer r.mu.Unlock()
	var taken []record
	for _, s := range r.suspects.all {
		taken = append(taken, record{Event: s.event, Copy: true})
	}
	r.suspects = eventQueue{}
	return taken
}

// acknowledged is an event that the broker has acknowledged.
type acknowledged struct {
	at    time.Time
	event []byte
}

// eventQueue forgets the oldest events when it has too many.
type eventQueue struct {
	all   []acknowledged
	bytes int
}

// push adds a, and returns how many older ones it forgot to make room.
func (q *eventQueue) push(a acknowledged) (forgotten int) {
	q.all = append(q.all, a)
	q.bytes += len(a.event)
	for len(q.all) > recentEvents || q.bytes > recentBytes {
		q.pop()
		forgotten++
	}
	return forgotten
}

// forget forgets the events from before that time.
func (q *eventQueue) forget(before time.Time) {
	for len(q.all) > 0 && q.all[0].at.Before(before) {
		q.pop()
	}
}

func (q *eventQueue) pop() {
	q.bytes -= len(q.all[0].event)
	q.all[0] = acknowledged{} // its memory can be used again
	q.all = q.all[1:]
}
