package contract

import (
	"errors"
	"fmt"
	"net/url"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// MaxUserIDLength is the longest user id that is accepted, in Unicode code points.
const MaxUserIDLength = 256

// userIDPattern demands one character that is neither a dot nor a blank, and
// forbids control characters. "." and ".." cannot be addressed: URL libraries
// resolve them, percent-encoded or not.
const userIDPattern = `^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f.\p{Z}][^\x00-\x1f\x7f-\x9f]*$`

// UserID names a user. Every id that Validate accepts works on every route of
// every service; every other id is refused by all of them.
type UserID string

// Validate returns an error if id cannot be a user id. The rules are those that
// Schema documents: 1 to MaxUserIDLength code points of valid UTF-8, no control
// characters, and not only dots and blanks.
func (id UserID) Validate() error {
	s := string(id)
	switch {
	case s == "":
		return errors.New("user id is empty")
	case !utf8.ValidString(s):
		return errors.New("user id is not valid UTF-8")
	case utf8.RuneCountInString(s) > MaxUserIDLength:
		return fmt.Errorf("user id is longer than %d characters", MaxUserIDLength)
	case !wellFormed(s):
		return errors.New("user id has control characters, or nothing but dots and blanks")
	}
	return nil
}

// wellFormed reports whether s matches userIDPattern. Every event is checked, and
// the pattern itself would take ten times as long.
func wellFormed(s string) bool {
	named := false // by a character that is neither a dot nor a blank
	for _, r := range s {
		if unicode.IsControl(r) {
			return false
		}
		named = named || r != '.' && !unicode.In(r, unicode.Z)
	}
	return named
}

// Schema implements huma.SchemaProvider, so that the API refuses what Validate
// refuses and its documentation says so.
func (UserID) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{
		Type: huma.TypeString,
		Description: "Any text of 1 to 256 characters without control characters that is not only dots and blanks. " +
			"Percent-encode it in paths.",
		MinLength:          new(1),
		MaxLength:          new(MaxUserIDLength),
		Pattern:            userIDPattern,
		PatternDescription: "a user id: no control characters, and not only dots and blanks",
		Examples:           []any{"alice"},
	}
	s.PrecomputeMessages()
	return s
}

// Key returns the state key of the user's document: the id itself if it consists
// of letters, digits, '-', '_', '.' and '~', and otherwise its query escaping,
// which is injective and free of "||" (Dapr's separator). No key of a user starts
// with "%_".
func (id UserID) Key() string { return url.QueryEscape(string(id)) }

// SegmentKey returns the state key of the segment with the name, which holds ids of
// events of one user. No UserID has it.
func SegmentKey(name string) string { return "%_events_" + name }

// State keys that no UserID has.
const (
	DeadLettersKey = "%_deadletters" // the list of dead letters
	PingKey        = "%_ping"        // nobody writes it; a probe of the store reads it
	ActivityKey    = "%_activity"    // what the replicas of analytics show of the last events
)
