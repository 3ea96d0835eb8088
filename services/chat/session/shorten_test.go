package session

import (
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"

	"daca/services/chat/agent"
)

// TestATurnThatIsTooLarge holds what a turn loses first, and that it says so.
func TestATurnThatIsTooLarge(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("ü\x01", 20_000)
	many := []agent.Message{}
	for range 200 {
		many = append(many, call("a"), result("a", "a short result"))
	}
	for name, tc := range map[string]struct {
		turn                        Turn
		whole, calls, reply, asWell bool // what is kept
	}{
		"fits": {
			Turn{Text: "hi", Messages: []agent.Message{call("a"), result("a", "noon"), reply("ho")}},
			true, true, true, true,
		},
		"a large result": {
			Turn{Text: "hi", Messages: []agent.Message{call("a", "b"), result("a", large), result("b", "noon"), reply("ho")}},
			false, true, true, true,
		},
		"many calls":    {Turn{Text: "hi", Messages: append(many, reply("ho"))}, false, false, true, true},
		"a large reply": {Turn{Text: "hi", Messages: []agent.Message{reply(large)}}, false, false, false, true},
		"a large text":  {Turn{Text: large, Messages: []agent.Message{reply("ho")}}, false, false, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw, err := tc.turn.encode(8 << 10)
			var got Turn
			if err == nil {
				err = jsonv2.Unmarshal(raw, &got)
			}
			if err != nil || len(raw) > 8<<10 {
				t.Fatalf("%d bytes, %v", len(raw), err)
			}
			calls := len(got.Messages[0].ToolCalls) > 0
			last := got.Messages[len(got.Messages)-1].Content
			if got.Shortened == tc.whole || calls != tc.calls || (last == "ho") != tc.reply || (got.Text == "hi") != tc.asWell {
				t.Errorf("%.300s", raw)
			}
			if !tc.whole && !strings.Contains(string(raw), strings.TrimSpace(cutNote)) && name != "many calls" {
				t.Errorf("it does not say what was cut: %.300s", raw)
			}
			if tc.turn.Messages[len(tc.turn.Messages)-1].Content == "" || tc.turn.Shortened {
				t.Error("the turn of the caller has changed")
			}
		})
	}
}
