package main

import (
	"cmp"
	"encoding/json"

	"daca/services/chat/agent"
)

// completionAnswer is the answer to a request that is not streamed:
//
//	{"id": "chatcmpl-…", "object": "chat.completion", "created": 1767366245, "model": "daca",
//	 "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}, "finish_reason": "stop"}],
//	 "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}}
type completionAnswer struct {
	ID      string      `json:"id"`
	Object  string      `json:"object" enum:"chat.completion"`
	Created int64       `json:"created" doc:"A Unix time."`
	Model   string      `json:"model" enum:"daca,daca-task"`
	Choices []choice    `json:"choices" nullable:"false" doc:"One."`
	Usage   agent.Usage `json:"usage" doc:"Of all calls of the model together."`
}

type choice struct {
	Index        int           `json:"index" enum:"0"`
	Message      outputMessage `json:"message"`
	FinishReason string        `json:"finish_reason" enum:"stop,length,content_filter,tool_calls"`
}

type outputMessage struct {
	Role      string       `json:"role" enum:"assistant"`
	Content   *string      `json:"content" doc:"Null only beside calls of tools."`
	ToolCalls []outputCall `json:"tool_calls,omitempty" doc:"Calls of the client's tools."`
}

// outputCall is a call of one of the client's tools.
type outputCall struct {
	Index    *int            `json:"index,omitempty" doc:"In streams only."`
	ID       string          `json:"id"`
	Type     string          `json:"type" enum:"function"`
	Function calledFunction  `json:"function"`
	Extra    json.RawMessage `json:"extra_content,omitempty" doc:"What the provider wants back with the call."`
}

type calledFunction struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments" doc:"As the model wrote them."`
}

// completionChunk is an event of a stream.
type completionChunk struct {
	ID      string          `json:"id"`
	Object  string          `json:"object" enum:"chat.completion.chunk"`
	Created int64           `json:"created" doc:"A Unix time."`
	Model   string          `json:"model" enum:"daca,daca-task"`
	Choices []chunkChoice   `json:"choices" nullable:"false" doc:"One, and none in the chunk with the usage."`
	Usage   json.RawMessage `json:"usage,omitempty" doc:"With stream_options.include_usage: null, and in the last chunk the usage."`
}

type chunkChoice struct {
	Index        int     `json:"index" enum:"0"`
	Delta        delta   `json:"delta"`
	FinishReason *string `json:"finish_reason" doc:"Null in all chunks but that after the text."`
}

type delta struct {
	Role      string       `json:"role,omitempty" enum:"assistant"`
	Content   *string      `json:"content,omitempty"`
	ToolCalls []outputCall `json:"tool_calls,omitempty"`
}

// whole returns the answer to a request that is not streamed.
func (q *completion) whole(answer agent.Answer) completionAnswer {
	message := outputMessage{Role: agent.RoleAssistant, ToolCalls: outputCalls(answer.Calls)}
	if answer.Reply != "" || len(answer.Calls) == 0 {
		message.Content = &answer.Reply
	}
	return completionAnswer{
		ID: q.id, Object: "chat.completion", Created: q.received.Unix(), Model: q.model,
		Choices: []choice{{Message: message, FinishReason: finishReason(answer)}},
		Usage:   answer.Usage,
	}
}

func outputCalls(calls []agent.ToolCall) []outputCall {
	var out []outputCall
	for _, call := range calls {
		out = append(out, outputCall{
			ID: call.ID, Type: "function", Function: calledFunction{call.Name, call.Arguments}, Extra: call.Extra,
		})
	}
	return out
}

func finishReason(answer agent.Answer) string {
	if len(answer.Calls) > 0 {
		return "tool_calls"
	}
	return cmp.Or(answer.FinishReason, "stop")
}
