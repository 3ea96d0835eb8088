package main

import (
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
)

// TestStoredLetter holds the example of letter's comment.
func TestStoredLetter(t *testing.T) {
	t.Parallel()
	published := `{"specversion":"1.0","id":"1","source":"chat-service","type":"MessageSent",` +
		`"time":"2026-01-02T12:00:00Z","topic":"messages","data":{"event_type":"Other","user_id":"alice"}}`
	value, err := jsonv2.Marshal([]letter{describe([]byte(published), "", "", noon)})
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"id":"1d51e41f6bd8ae0d","topic":"messages","received_at":"2026-01-02T12:00:00Z",` +
		`"reason":"data: event_type is \"Other\"; expected \"MessageSent\"","size":172,"event":` + published + `}]`
	if string(value) != want {
		t.Errorf("the letters are stored as\n%s; want\n%s", value, want)
	}
}
