package main

import (
	"time"

	"github.com/google/uuid"
)

// operation is one change of one user's document. Operations with the same ID
// change the document once, however often they are applied. An operation without
// a Change only makes the user known.
type operation struct {
	ID     string
	Time   time.Time // of the event; zero for a request that is made now
	Change func(count int64) int64
}

func addOne(count int64) int64 { return count + 1 }

func setTo(n int64) func(int64) int64 { return func(int64) int64 { return n } }

// operationID returns the ID of an operation that a client requests, kind being
// the route or the event type: the same for all requests with the same
// Idempotency-Key, and a new one for each request without.
func operationID(kind, idempotencyKey string) string {
	if idempotencyKey == "" {
		return uuid.NewString()
	}
	return kind + " " + idempotencyKey
}

// verdict is the outcome of an operation on a document.
type verdict int

const (
	accepted  verdict = iota // it was applied
	duplicate                // it had been applied before
	tooOld                   // whether it had been applied before is unknown
)
