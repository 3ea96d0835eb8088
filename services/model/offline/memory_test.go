package offline

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// user returns a message of the user.
func user(said string) string { return fmt.Sprintf(`{"role":"user","content":%q}`, said) }

func TestTheModelRemembers(t *testing.T) {
	t.Parallel()
	const answer = `{"role":"assistant","content":"Hello!"}`
	for name, tc := range map[string]struct {
		messages []string
		want     string
	}{
		"a name": {
			[]string{user("My name is Ada."), answer, user("What is my name?")}, "Hello! Your name is Ada.",
		},
		"the last name": {
			[]string{user("my name is Ada"), answer, user("my name is Zoë"), answer, user("who am I?")},
			"Hello! Your name is Zoë.",
		},
		"no name": {
			[]string{user("hi"), answer, user("what's my name?")}, "Hello! You have not told me your name.",
		},
		"no name of this time": {
			[]string{user("My name is Ada, so what is my name?")}, "Hello! You have not told me your name.",
		},
		"the first message": {
			[]string{user("one"), answer, user("two"), answer, user("What did I say first?")},
			`Hello! The first thing that you said was: "one"`,
		},
		"the first time": {
			[]string{user("one"), answer, user("What did I say the first time?")},
			`Hello! The first thing that you said was: "one"`,
		},
		"the message before": {
			[]string{user("one"), answer, user("two"), answer, user("what did I just say?")},
			`Hello! Before this you said: "two"`,
		},
		"nothing": {[]string{user("What did I say before?")}, "Hello! You have not said anything before this."},
		"what is not asked for": {
			[]string{user("my name is Ada"), answer, user("hello")},
			`Hello! I am the offline model, so I can only repeat what you said: "hello"`,
		},
	} {
		got := complete(t, chat("m", tc.messages...)).Choices[0].Message.Content
		if got == nil || *got != tc.want {
			t.Errorf("%s: the answer is %v; want %q", name, *got, tc.want)
		}
	}
}

func TestToolsAreCalledByName(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]function{
		"use the tool roll_dice":                       {"roll_dice", "{}"},
		`Call roll_dice with {"sides": {"n": 6}} now.`: {"roll_dice", `{"sides": {"n": 6}}`},
		"please call the tool `roll_dice` with {sides": {"roll_dice", "{}"},
		"call mum, and then use roll_dice":             {"roll_dice", "{}"},
		"call get_current_time":                        {timeTool, "{}"},
		"use the tool no_such_tool":                    {},
		"call me Ada":                                  {},
	} {
		const dice = `{"type":"function","function":{"name":"roll_dice"}},`
		offered := strings.Replace(chat("m", user(said)), `"tools":[`, `"tools":[`+dice, 1)
		var got function
		if calls := complete(t, offered).Choices[0].Message.ToolCalls; len(calls) > 0 {
			got = calls[0].Function
		}
		if got != want {
			t.Errorf("%q is answered with the call %+v; want %+v", said, got, want)
		}
	}
	called := strings.ReplaceAll(chat("m", user("use the tool roll_dice"), timeCall, toolSays), timeTool, "roll_dice")
	result := complete(t, called).Choices[0]
	if len(result.Message.ToolCalls) != 0 || !strings.Contains(*result.Message.Content, "2026-01-02") {
		t.Errorf("after the result the answer is %+v; want the result", result)
	}
}

func TestLongAnswers(t *testing.T) {
	t.Parallel()
	got := *complete(t, chat("m?words=500", hello)).Choices[0].Message.Content
	if words := strings.Fields(got); len(words) != 500 || words[0] != "1" || words[499] != "500" {
		t.Errorf("the answer is %q; want the numbers to 500", got)
	}
	for said, want := range map[string]string{
		"Count to 3.": "1 2 3", "please count slowly to 4": "1 2 3 4", "Count to 3 and call get_current_time": "",
	} {
		got := complete(t, chat("m", user(said))).Choices[0].Message.Content
		if got == nil && want != "" || got != nil && *got != want {
			t.Errorf("%q is answered %v; want %q", said, got, want)
		}
	}
}

// TestCountingSlowly holds that an answer can be watched while it is made.
func TestCountingSlowly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		streamed := strings.Replace(chat("m", user("count slowly to 20")), `"model"`, `"stream":true,"model"`, 1)
		rec := setup(t, Options{})(http.MethodPost, "/v1/chat/completions", "", streamed)
		if took := time.Since(begin); took < 20*slow || !strings.Contains(rec.Body.String(), `"20"`) {
			t.Errorf("counting to 20 takes %s: %s", took, rec.Body)
		}
	})
}
