package contract

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// SessionKey returns the state key of a session of the user. It reveals neither of them,
// has always the same length, and no UserID has it. The session of another user with the
// same id has another key.
func SessionKey(user UserID, session string) string {
	return "%_session-" + digest(string(user), session)
}

// SessionsKey returns the state key of the list of the user's sessions. No UserID has it.
func SessionsKey(user UserID) string { return "%_sessions-" + digest(string(user)) }

// RecentSessionsKey returns the state key of those of the user's sessions that have changed
// since the whole list was written last. No UserID has it.
func RecentSessionsKey(user UserID) string { return "%_sessions_recent-" + digest(string(user)) }

// IdempotencyKey returns the state key of the requests of the user with an Idempotency-Key
// that lead to events of the type. It reveals neither user nor key, and no UserID has it.
func IdempotencyKey(kind EventType, user UserID, key string) string {
	return "%_idempotency-" + digest(string(kind), string(user), key)
}

// digest returns a digest of the parts, none of which but the last contains NUL.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}
