package main

import (
	"time"

	"github.com/google/uuid"

	"daca/services/internal/contract"
)

// newEvent returns an event that happens now. Its id is new or, with an
// Idempotency-Key, the same for all requests of the user with that key. Their times
// differ; agreement makes one of them hold.
func newEvent(kind contract.EventType, user contract.UserID, idempotencyKey string) contract.Event {
	id := uuid.NewString()
	if idempotencyKey != "" {
		name := string(kind) + "\x00" + string(user) + "\x00" + idempotencyKey
		id = uuid.NewSHA1(uuid.NameSpaceOID, []byte(name)).String()
	}
	now := time.Now().UTC()
	return contract.Event{
		ID:       id,
		Time:     now.Truncate(time.Millisecond),
		Type:     kind,
		UserID:   user,
		Answered: now.Truncate(time.Microsecond),
	}
}
