package agent

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestToolCallsOfStreams(t *testing.T) {
	t.Parallel()
	one := ToolCall{ID: "a", Name: "look", Arguments: `{"at":1}`}
	two := ToolCall{ID: "b", Name: "look", Arguments: `{"at":2}`}
	nameless := []ToolCall{
		{Name: "look", Arguments: `{"at":1}`}, {Name: "look", Arguments: `{"at":2}`}, {Name: "hear", Arguments: "{}"},
	}
	other := ToolCall{ID: "b", Name: "hear", Arguments: `{}`}
	blank := []string{delta(`{"content":"\n"}`)}
	for name, tc := range map[string]struct {
		chunks []string
		want   []ToolCall
	}{
		"as OpenAI does": {[]string{
			calls(`{"index":0,"id":"a","type":"function","function":{"name":"look","arguments":""}}`),
			calls(`{"index":0,"function":{"arguments":"{\"at\""}}`), calls(`{"index":0,"function":{"arguments":":1}"}}`),
			calls(`{"index":1,"id":"b","type":"function","function":{"name":"look","arguments":""}}`),
			calls(`{"index":1,"function":{"arguments":"{\"at\":2}"}}`),
		}, []ToolCall{one, two}},
		"pieces by turns": {[]string{
			calls(`{"index":0,"id":"a","function":{"name":"look"}}`, `{"index":1,"id":"b","function":{"name":"look"}}`),
			calls(`{"index":0,"function":{"arguments":"{\"at\":"}}`, `{"index":1,"function":{"arguments":"{\"at\":"}}`),
			calls(`{"index":0,"function":{"arguments":"1}"}}`), calls(`{"index":1,"function":{"arguments":"2}"}}`),
		}, []ToolCall{one, two}},
		"id and name with each piece": {[]string{
			calls(`{"index":0,"id":"a","function":{"name":"look","arguments":"{\"at\""}}`),
			calls(`{"index":0,"id":"a","function":{"name":"look","arguments":":1}"}}`),
			calls(`{"index":0,"id":"a","function":{"name":"look","arguments":""}}`),
		}, []ToolCall{one}},
		"one index for all, in pieces": {[]string{
			calls(`{"index":0,"id":"a","function":{"name":"look","arguments":"{\"at\":1}"}}`),
			calls(`{"index":0,"id":"b","function":{"name":"look","arguments":""}}`),
			calls(`{"index":0,"function":{"arguments":"{\"at\":2}"}}`),
		}, []ToolCall{one, two}},
		"name again with the arguments": {[]string{
			calls(`{"index":0,"id":"a","function":{"name":"look","arguments":""}}`),
			calls(`{"index":0,"id":"a","function":{"name":"look","arguments":"{\"at\":1}"}}`),
		}, []ToolCall{one}},
		"no index, pieces by turns": {[]string{
			calls(`{"id":"a","function":{"name":"look"}}`, `{"id":"b","function":{"name":"look"}}`),
			calls(`{"id":"a","function":{"arguments":"{\"at\":1}"}}`),
			calls(`{"id":"b","function":{"arguments":"{\"at\":2}"}}`),
		}, []ToolCall{one, two}},
		"no index, whole calls": {[]string{
			calls(
				`{"id":"a","function":{"name":"look","arguments":"{\"at\":1}"}}`,
				`{"id":"b","function":{"name":"look","arguments":"{\"at\":2}"}}`,
			),
		}, []ToolCall{one, two}},
		"no index, in pieces": {[]string{
			calls(`{"id":"a","function":{"name":"look"}}`), calls(`{"function":{"arguments":"{\"at\":"}}`),
			calls(`{"function":{"arguments":"1}"}}`),
			calls(`{"id":"b","function":{"name":"look"}}`), calls(`{"id":"b","function":{"arguments":"{\"at\":2}"}}`),
		}, []ToolCall{one, two}},
		"no index and no id": {[]string{
			calls(
				`{"function":{"name":"look","arguments":"{\"at\":1}"}}`,
				`{"function":{"name":"look","arguments":"{\"at\":2}"}}`,
			),
			calls(`{"function":{"name":"hear"}}`),
		}, nameless},
		"one index for all": {[]string{
			calls(`{"index":0,"id":"a","function":{"name":"look","arguments":"{\"at\":1}"}}`),
			calls(`{"index":0,"id":"b","function":{"name":"hear","arguments":"{}"}}`),
		}, []ToolCall{one, other}},
		"one index for all, no ids": {[]string{
			calls(`{"index":0,"function":{"name":"look","arguments":"{\"at\":1}"}}`),
			calls(`{"index":0,"function":{"name":"look","arguments":"{\"at\":2}"}}`),
			calls(`{"index":0,"function":{"name":"hear","arguments":""}}`),
		}, nameless},
		"one id for all": {[]string{
			calls(
				`{"id":"a","function":{"name":"look","arguments":"{\"at\":1}"}}`,
				`{"id":"a","function":{"name":"look","arguments":"{\"at\":2}"}}`,
			),
		}, []ToolCall{one, {Name: "look", Arguments: `{"at":2}`}}},
		"null in place of values": {[]string{
			calls(`{"index":null,"id":"a","function":{"name":"look","arguments":null}}`),
			calls(`{"id":null,"function":{"name":null,"arguments":"{\"at\":1}"}}`),
		}, []ToolCall{one}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, finish := range []string{"tool_calls", "stop"} {
				end := strings.Replace(stop, "stop", finish, 1)
				s := scripted(t, Config{}, events(slices.Concat(blank, tc.chunks, []string{end, done})...))
				answer, _, err := s.stream(t.Context(), Request{Text: "hi", Tools: []Tool{{Name: "look"}, {Name: "hear"}}})
				if err != nil {
					t.Fatal(err)
				}
				if said := answer.Messages[0].Content; said != "" {
					t.Errorf("the message has the text %q; want none", said)
				}
				seen := map[string]bool{}
				for i, call := range answer.Calls {
					if call.ID == "" || seen[call.ID] {
						t.Errorf("call %d has the id %q", i, call.ID)
					}
					seen[call.ID] = true
					if i < len(tc.want) && tc.want[i].ID == "" {
						answer.Calls[i].ID = ""
					}
				}
				if diff := cmp.Diff(tc.want, answer.Calls); diff != "" || answer.FinishReason != "tool_calls" {
					t.Errorf("finish_reason %s, calls (-want +got):\n%s", answer.FinishReason, diff)
				}
			}
		})
	}
}
