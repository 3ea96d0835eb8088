package session

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daca/services/chat/agent"
)

func user(text string) agent.Message  { return agent.Message{Role: agent.RoleUser, Content: text} }
func reply(text string) agent.Message { return agent.Message{Role: agent.RoleAssistant, Content: text} }

func call(ids ...string) agent.Message {
	m := agent.Message{Role: agent.RoleAssistant}
	for _, id := range ids {
		m.ToolCalls = append(m.ToolCalls, agent.ToolCall{ID: id, Name: "clock", Arguments: "{}"})
	}
	return m
}

func result(id, text string) agent.Message {
	return agent.Message{Role: agent.RoleTool, ToolCallID: id, Content: text}
}

// documentOf returns a session with the turns.
func documentOf(t *testing.T, turns ...Turn) document {
	t.Helper()
	d := document{Version: version}
	for _, turn := range turns {
		raw, err := turn.encode(MaxBytes)
		if err != nil {
			t.Fatal(err)
		}
		d.Turns = append(d.Turns, raw)
	}
	return d
}

// TestHistory holds what of a session gets into a prompt. A turn costs 4 tokens for each
// message and call, and one for each four letters.
func TestHistory(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word", 100) // 100 tokens
	plain := Turn{Text: "hi", Messages: []agent.Message{reply("ho")}}
	tools := Turn{Text: "time", Messages: []agent.Message{
		call("a", "b"), result("a", long), result("b", "noon"), reply("It is noon."),
	}}
	for name, tc := range map[string]struct {
		turns     []Turn
		tokens    int
		want      []agent.Message
		shortened bool
	}{
		"no turns": {nil, 100, nil, false},
		"everything fits": {
			[]Turn{plain, plain}, 20, []agent.Message{user("hi"), reply("ho"), user("hi"), reply("ho")}, false,
		},
		"the newest stays": {[]Turn{plain, plain}, 19, []agent.Message{user("hi"), reply("ho")}, true},
		"nothing fits":     {[]Turn{plain}, 9, nil, true},
		"a turn with its calls": {
			[]Turn{plain, tools}, 1000,
			append([]agent.Message{user("hi"), reply("ho"), user("time")}, tools.Messages...), false,
		},
		"calls and results go together": {
			[]Turn{tools, plain}, 100, []agent.Message{user("time"), reply("It is noon."), user("hi"), reply("ho")}, true,
		},
		"nothing before a turn without its calls": {
			[]Turn{plain, tools}, 100, []agent.Message{user("time"), reply("It is noon.")}, true,
		},
		"an answer that was stopped": {
			[]Turn{{Text: "hi", Stopped: true, Messages: []agent.Message{reply("I beg")}}}, 100,
			[]agent.Message{user("hi"), reply("I beg")}, false,
		},
		"an answer that was stopped in a call": {
			[]Turn{{Text: "hi", Stopped: true, Messages: []agent.Message{call("a"), reply("I beg")}}}, 100,
			[]agent.Message{user("hi"), reply("I beg")}, false,
		},
		"an answer without words": {
			[]Turn{plain, {Text: "hi", Stopped: true, Messages: []agent.Message{call("a"), result("a", "noon")}}}, 100,
			[]agent.Message{user("hi"), reply("ho")}, false,
		},
		"characters of other scripts": {[]Turn{{Text: "你好你好", Messages: []agent.Message{reply("你好")}}}, 13, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := documentOf(t, tc.turns...)
			got, shortened := d.history(tc.tokens)
			if diff := cmp.Diff(tc.want, got); diff != "" || shortened != tc.shortened {
				t.Errorf("shortened %t; want %t (-want +got):\n%s", shortened, tc.shortened, diff)
			}
			if tokens := estimate(got); tokens > tc.tokens {
				t.Errorf("the history has %d tokens; want at most %d", tokens, tc.tokens)
			}
		})
	}
}

func TestTitle(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Hello":                         "Hello",
		"two\r\n lines\tand\u0007 more": "two lines and more",
		strings.Repeat("é", 80):         strings.Repeat("é", 80),
		strings.Repeat("é", 81):         strings.Repeat("é", 79) + "…",
	} {
		if got := Title(text); got != want {
			t.Errorf("Title(%q) = %q; want %q", text, got, want)
		}
	}
}
