package main

import (
	"time"

	"github.com/google/uuid"
)

// operation is one change of one user's document. Operations with the same ID
// change the document once, however often they are applied. An operation without
// a Change only makes the user known.
type operation struct {
	ID string
	// Time is when the event happened, the same for every copy of it. It is zero for
	// a request that is made now.
	Time time.Time
	// made is when the request was made, if Time is zero.
	made time.Time
	// Keyed says that copies of a request may have been made at any time, because a
	// client names it by an Idempotency-Key.
	Keyed bool
	// Content is what a request with the same ID has to have in common with the first
	// one; empty if the ID says it all.
	Content string
	Change  func(count int64) int64
}

func addOne(count int64) int64 { return count + 1 }

func setTo(n int64) func(int64) int64 { return func(int64) int64 { return n } }

// request returns the operation of a client's request, kind being the route or the
// event type. Requests with the same Idempotency-Key are one operation; each
// request without a key is another.
func request(kind, idempotencyKey, content string, change func(int64) int64) operation {
	if idempotencyKey == "" {
		return operation{ID: uuid.NewString(), Change: change}
	}
	return operation{ID: kind + " " + idempotencyKey, Keyed: true, Content: content, Change: change}
}

// at is the time under which the operation is remembered.
func (op operation) at(now time.Time) time.Time {
	switch {
	case !op.Time.IsZero():
		return op.Time
	case !op.made.IsZero():
		return op.made
	}
	return now
}

// contentID is an ID that is remembered beside op.ID, and tells requests apart that
// have the same key and another content.
func (op operation) contentID() string { return op.ID + "\x00" + op.Content }

// verdict is the outcome of an operation on a document.
type verdict int

const (
	accepted  verdict = iota // it was applied
	duplicate                // it had been applied before
	tooOld                   // it is older than what is remembered: whether it had been applied before is unknown
	tooEarly                 // its time is further in the future than events are remembered for
	forgotten                // the ids of its time are lost: whether it had been applied before is unknown
	reused                   // its ID had been used for another content
	full                     // the count cannot grow any more
)

// String is the label of the verdict in the metrics.
func (v verdict) String() string {
	switch v {
	case accepted:
		return "accepted"
	case duplicate:
		return "duplicate"
	case tooOld:
		return "too_old"
	case tooEarly:
		return "too_early"
	case forgotten:
		return "forgotten"
	case reused:
		return "reused_key"
	case full:
		return "full"
	}
	return "unknown"
}
