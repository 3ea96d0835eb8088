package session

import (
	"fmt"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"daca/services/chat/agent"
	"daca/services/internal/contract"
)

// cutNote ends a text that was shortened.
const cutNote = " [The rest was too long to be kept.]"

// minCut is the length below which no text is shortened.
const minCut = 256

// encode returns the turn as it is stored, in at most maxBytes. One that is larger loses
// the ends of the results of its tools, then its calls of tools altogether, then the ends
// of what the agent and the user said. It says so, see Shortened.
func (t Turn) encode(maxBytes int) (jsontext.Value, error) {
	t.Messages = append([]agent.Message{}, t.Messages...)
	for {
		raw, err := jsonv2.Marshal(t, jsontext.AllowInvalidUTF8(true))
		if err != nil {
			return nil, fmt.Errorf("encoding a turn: %w", err)
		}
		if len(raw) <= maxBytes {
			return raw, nil
		}
		t.Shortened = true
		if !t.shorten() {
			return nil, fmt.Errorf("a turn of %d bytes cannot be shortened to %d", len(raw), maxBytes)
		}
	}
}

// shorten makes the turn shorter by one step, and reports whether that was possible.
func (t *Turn) shorten() bool {
	var longest *string
	for i := range t.Messages {
		if m := &t.Messages[i]; m.Role == agent.RoleTool && (longest == nil || len(m.Content) > len(*longest)) {
			longest = &m.Content
		}
	}
	if longest != nil && halve(longest) {
		return true
	}
	if brief := withoutCalls(t.Messages); len(brief) < len(t.Messages) {
		t.Messages = brief
		return true
	}
	longest = &t.Text
	whole := digest(t.Text)
	for i := range t.Messages {
		if m := &t.Messages[i]; len(m.Content) > len(*longest) {
			longest = &m.Content
		}
	}
	if !halve(longest) {
		return false
	}
	if longest == &t.Text && t.TextSHA256 == "" {
		t.TextSHA256 = whole
	}
	return true
}

// halve leaves half of a text, unless that is too short to be worth it.
func halve(text *string) bool {
	if len(*text) < minCut {
		return false
	}
	*text = contract.Shorten(*text, len(*text)/2-len(cutNote)) + cutNote
	return true
}
