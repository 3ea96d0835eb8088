package agent

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOptionsAreSent(t *testing.T) {
	t.Parallel()
	none := setup(t, Config{})
	if _, err := none.agent.Run(t.Context(), Request{Text: "hi"}); err != nil {
		t.Fatal(err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(none.bodies[0], &fields); err != nil || len(fields) != 3 {
		t.Errorf("without options the model is asked with %s, %v; want model, messages and stream", none.bodies[0], err)
	}
	zero := 0.0
	seed := int64(0)
	for _, observe := range []func(Event){nil, func(Event) {}} {
		s := setup(t, Config{})
		_, err := s.agent.Run(t.Context(), Request{Text: "hi", Observe: observe, Options: Options{
			Temperature: &zero, Seed: &seed, Stop: json.RawMessage(`["."]`), ReasoningEffort: "low",
			MaxCompletionTokens: new(5), ResponseFormat: json.RawMessage(`{"type":"json_object"}`),
		}})
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			`"temperature":0`, `"seed":0`, `"stop":["."]`, `"reasoning_effort":"low"`, `"max_completion_tokens":5`,
			`"response_format":{"type":"json_object"}`, `"content":"hi"`,
		} {
			if !strings.Contains(string(s.bodies[0]), want) {
				t.Errorf("the model is asked with %s; want %s", s.bodies[0], want)
			}
		}
	}
}

// TestAnswersOfLimitedLengthHaveNoNote holds that a caller who set the limit gets the text
// alone.
func TestAnswersOfLimitedLengthHaveNoNote(t *testing.T) {
	t.Parallel()
	s := scripted(t, Config{}, events(delta(`{"content":"Once"}`), strings.Replace(stop, "stop", "length", 1), done))
	answer, seen, err := s.stream(t.Context(), Request{Text: "hi", Options: Options{MaxTokens: new(1)}})
	if err != nil || answer.Reply != "Once" || seen.text() != "Once" || answer.FinishReason != "length" {
		t.Errorf("Run = %+v, %v; want Once, and the reason", answer, err)
	}
}

// TestToolChoiceHoldsOnce lets the model be forced to call the tool.
func TestToolChoiceHoldsOnce(t *testing.T) {
	t.Parallel()
	s := setup(t, Config{Tools: []Tool{clockThat(works)}})
	_, err := s.agent.Run(t.Context(), Request{
		Text: "What time is it?", Options: Options{ToolChoice: json.RawMessage(`"required"`), Seed: new(int64(7))},
	})
	if err != nil || len(s.bodies) != 2 {
		t.Fatalf("Run = %v after %d requests", err, len(s.bodies))
	}
	for n, body := range s.bodies {
		forced := strings.Contains(string(body), `"tool_choice":"required"`)
		if forced != (n == 0) || !strings.Contains(string(body), `"seed":7`) {
			t.Errorf("request %d is %s", n, body)
		}
	}
}

func TestToolsOfARequest(t *testing.T) {
	t.Parallel()
	s := setup(t, Config{Tools: []Tool{clockThat(works)}})
	mine := clockThat(func(context.Context, json.RawMessage) (string, error) { return "midnight", nil })
	mine.Description = "mine"
	more := Tool{Name: "look", Strict: true, Execute: works}
	ask := func(tools ...Tool) (Answer, error) {
		return s.agent.Run(t.Context(), Request{Text: "What time is it?", Tools: tools})
	}
	if answer, err := ask(mine, more); err != nil || !strings.Contains(answer.Reply, "midnight") {
		t.Errorf("Run = %+v, %v; want the result of the request's tool", answer, err)
	}
	if answer, err := ask(); err != nil || !strings.Contains(answer.Reply, "noon") {
		t.Errorf("the next Run = %+v, %v; want the result of the agent's tool", answer, err)
	}
	offered := s.requests()[0].Tools
	if len(offered) != 2 || offered[0].Function.Description != "mine" || offered[1].Function.Name != "look" ||
		!offered[1].Function.Strict || offered[1].Function.Parameters == nil {
		t.Errorf("the tools %+v were offered", offered)
	}
	if offered := s.requests()[2].Tools; len(offered) != 1 || offered[0].Function.Description == "mine" {
		t.Errorf("in the next run the tools %+v were offered", offered)
	}
	for name, tools := range map[string][]Tool{
		"a bad name":     {{Name: "a b", Execute: works}},
		"a bad schema":   {{Name: "a", Parameters: json.RawMessage(`[]`)}},
		"two of a name":  {{Name: "a"}, {Name: "a"}},
		"no name at all": {{}},
	} {
		if _, err := ask(tools...); err == nil {
			t.Errorf("Run accepts tools with %s", name)
		}
	}
}

// TestToolsOfTheCaller holds that a call of one ends the run, and that the caller can go
// on with its result.
func TestToolsOfTheCaller(t *testing.T) {
	t.Parallel()
	theirs := Tool{Name: "look", Parameters: json.RawMessage(`{"type":"object"}`)}
	clock := clockThat(func(context.Context, json.RawMessage) (string, error) {
		t.Error("the agent's tool was executed")
		return "", nil
	})
	s := scripted(t, Config{Tools: []Tool{clock}},
		events(delta(`{"content":"Let me see."}`), calls(`{"index":0,"id":"a","function":{"name":"get_current_time"}}`,
			`{"index":1,"id":"b","function":{"name":"look","arguments":"{\"at\": 1}"}}`), stop, usage, done),
		events(delta(`{"content":"I see."}`), stop, usage, done))
	request := Request{Text: "hi", Tools: []Tool{theirs}}
	answer, seen, err := s.stream(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	call := ToolCall{ID: "b", Name: "look", Arguments: `{"at": 1}`}
	want := Answer{
		Reply: "Let me see.", Calls: []ToolCall{call}, FinishReason: "tool_calls", Usage: Usage{5, 2, 7},
		Messages: []Message{{Role: RoleAssistant, Content: "Let me see.", ToolCalls: []ToolCall{call}}},
	}
	if diff := cmp.Diff(want, answer); diff != "" || !cmp.Equal(seen.events, []Event{Token{"Let me see."}}) {
		t.Errorf("events %q, answer (-want +got):\n%s", seen.events, diff)
	}
	history := append([]Message{say(RoleUser, "hi")}, answer.Messages...)
	history = append(history, Message{Role: RoleTool, ToolCallID: "b", Content: "a cat"})
	answer, _, err = s.stream(t.Context(), Request{History: history, Tools: []Tool{theirs}})
	if err != nil || answer.Reply != "I see." || answer.Calls != nil {
		t.Errorf("with the result Run = %+v, %v", answer, err)
	}
	if last := s.texts(1); last[len(last)-1] != "tool: a cat" {
		t.Errorf("the model was asked with %q; want the result at the end", last)
	}
}

// TestArgumentsOfTheCallersTools are passed on as the model wrote them.
func TestArgumentsOfTheCallersTools(t *testing.T) {
	t.Parallel()
	for arguments, want := range map[string]string{`{`: `{`, ``: `{}`, `{"at": 1}`: `{"at": 1}`, `null`: `{}`} {
		encoded, err := json.Marshal(arguments)
		if err != nil {
			t.Fatal(err)
		}
		s := scripted(t, Config{}, events(
			calls(`{"index":0,"id":"a","function":{"name":"look","arguments":`+string(encoded)+`}}`), stop, done))
		answer, _, err := s.stream(t.Context(), Request{Text: "hi", Tools: []Tool{{Name: "look"}}})
		if err != nil || len(answer.Calls) != 1 || answer.Calls[0].Arguments != want {
			t.Errorf("arguments %q: Run = %+v, %v; want %q", arguments, answer, err, want)
		}
	}
}

func TestLongResultsAreCutOff(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", maxResult)
	s := setup(t, Config{Tools: []Tool{clockThat(func(context.Context, json.RawMessage) (string, error) {
		return long, nil
	})}})
	answer, seen, err := s.stream(t.Context(), Request{Text: "What time is it?"})
	if err != nil {
		t.Fatal(err)
	}
	result := answer.Messages[1].Content
	const note = "\n\n[The result is cut off here: it has 131072 bytes.]"
	if text, ok := strings.CutSuffix(result, note); !ok || len(result) > maxResult || strings.Trim(text, "ä") != "" {
		t.Errorf("the result has %d bytes and ends with %q", len(result), result[len(result)-60:])
	}
	if told := s.requests()[1].Messages[2].Content; told != result || seen.events[1].(ToolAnswered).Result != result {
		t.Errorf("the model was told %d bytes; want those of the answer, %d", len(told), len(result))
	}
	history := Message{Role: RoleTool, Content: result}
	if again := history.forModel().Content; again != result {
		t.Errorf("in a history the result has %d bytes; want %d", len(again), len(result))
	}
}

// TestAFailedRunHasItsMessages holds that what was said before the failure is not lost.
func TestAFailedRunHasItsMessages(t *testing.T) {
	t.Parallel()
	s := scripted(t, Config{Tools: []Tool{clockThat(works)}},
		events(calls(`{"index":0,"id":"a","function":{"name":"get_current_time"}}`), stop, usage, done),
		events(delta(`{"content":"It is"}`))+"cut")
	answer, _, err := s.stream(t.Context(), Request{Text: "What time is it?"})
	want := Answer{Reply: "It is", Usage: Usage{5, 2, 7}, Messages: []Message{
		{Role: RoleAssistant, ToolCalls: []ToolCall{{ID: "a", Name: "get_current_time", Arguments: "{}"}}},
		{Role: RoleTool, ToolCallID: "a", Content: "noon"},
		{Role: RoleAssistant, Content: "It is"},
	}}
	if diff := cmp.Diff(want, answer); err == nil || diff != "" {
		t.Errorf("Run = %v, answer (-want +got):\n%s", err, diff)
	}
}
