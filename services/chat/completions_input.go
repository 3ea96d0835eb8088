package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"daca/services/chat/agent"
	"daca/services/internal/contract"
)

// Bounds of a request. The history comes along, so that it may be larger than a message.
const (
	maxCompletionBytes  = 1 << 20
	maxCompletionValues = 20_000 // objects, lists, names and other values: each costs more than its bytes
	maxMessages         = 2_000
	maxTools            = 128 // as OpenAI
)

// completionInput is the body of POST /v1/chat/completions, as far as it is read:
//
//	{"model": "daca", "stream": true, "messages": [{"role": "user", "content": "Hello"}]}
type completionInput struct {
	Model    string          `json:"model" enum:"daca,daca-task" doc:"daca is the agent: a message to it counts. daca-task is the model alone, for titles and the like."`
	Messages []inputMessage  `json:"messages" nullable:"false" minItems:"1" maxItems:"2000" doc:"The whole conversation; the service keeps nothing of it."`
	User     contract.UserID `json:"user,omitempty" doc:"Whose message it is. Without it the header that V1_USER_HEADER names decides, and then it is anonymous."`

	Stream        bool `json:"stream,omitempty"`
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage,omitempty"`
	} `json:"stream_options,omitzero"`

	Tools []inputTool `json:"tools,omitempty" maxItems:"128" doc:"Tools of the client. It gets the calls of them, and the service executes its own."`
	agent.Options

	// What would make another answer than the client expects is refused.
	N            int               `json:"n,omitempty" enum:"1"`
	Logprobs     bool              `json:"logprobs,omitempty" enum:"false"`
	TopLogprobs  int               `json:"top_logprobs,omitempty" enum:"0"`
	Modalities   []string          `json:"modalities,omitempty" doc:"text only."`
	Audio        json.RawMessage   `json:"audio,omitempty" hidden:"true"`
	Functions    []json.RawMessage `json:"functions,omitempty" hidden:"true"`
	FunctionCall json.RawMessage   `json:"function_call,omitempty" hidden:"true"`
}

// inputMessage is a message of the client.
type inputMessage struct {
	Role       string      `json:"role" enum:"system,developer,user,assistant,tool"`
	Content    content     `json:"content,omitzero"`
	ToolCalls  []inputCall `json:"tool_calls,omitempty" doc:"Of an assistant. Each is answered by a message of role tool."`
	ToolCallID string      `json:"tool_call_id,omitempty" doc:"Of the call that a tool answers."`
}

// inputCall is a call of a tool in the history.
type inputCall struct {
	ID       string `json:"id"`
	Type     string `json:"type,omitempty" enum:"function"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments" doc:"A JSON object, in a text."`
	} `json:"function"`
	Extra json.RawMessage `json:"extra_content,omitempty" doc:"What came with the call."`
}

// inputTool is a tool of the client.
type inputTool struct {
	Type     string `json:"type" enum:"function"`
	Function struct {
		Name        string          `json:"name" pattern:"^[a-zA-Z0-9_-]{1,64}$"`
		Description string          `json:"description,omitempty"`
		Parameters  json.RawMessage `json:"parameters,omitempty" doc:"The JSON schema of the arguments."`
		Strict      bool            `json:"strict,omitempty"`
	} `json:"function"`
}

// readCompletion decodes and checks the request. The error is the answer.
func (f *front) readCompletion(r *http.Request) (*completion, *v1Error) {
	body, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, newV1Error(http.StatusRequestEntityTooLarge, "",
			fmt.Sprintf("The request is too large; the limit is %d bytes", tooLarge.Limit))
	case err != nil:
		return nil, badV1("", "The request could not be read")
	case hasTooManyValues(body):
		return nil, badV1("", "The request has more than %d values", maxCompletionValues)
	}
	in := &completionInput{}
	if err := jsonv2.Unmarshal(body, in, jsontext.AllowDuplicateNames(true)); err != nil {
		return nil, notDecoded(err)
	}
	for _, option := range []*json.RawMessage{&in.Stop, &in.ResponseFormat, &in.ToolChoice} {
		if !isGiven(*option) {
			*option = nil
		}
	}
	if refusal := in.validate(); refusal != nil {
		return nil, refusal
	}
	return f.newCompletion(in, r.Header)
}

// hasTooManyValues reports whether the JSON has more than maxCompletionValues values, up
// to the first mistake in it. A value of a few bytes costs hundreds when it is decoded.
func hasTooManyValues(body []byte) bool {
	decoder := jsontext.NewDecoder(bytes.NewBuffer(body),
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for range maxCompletionValues {
		if _, err := decoder.ReadToken(); err != nil {
			return false
		}
	}
	return true
}

func badV1(param, format string, args ...any) *v1Error {
	return newV1Error(http.StatusBadRequest, param, fmt.Sprintf(format, args...))
}

// notDecoded returns the answer to a body that is not that of a completion.
func notDecoded(err error) *v1Error {
	var wrong *jsonv2.SemanticError
	if !errors.As(err, &wrong) {
		return badV1("", "The request is not JSON: %v", err)
	}
	param := paramAt(wrong.JSONPointer)
	switch {
	case wrong.Err != nil:
		return badV1(param, "%s: %v", param, wrong.Err)
	case wrong.JSONKind != 0 && wrong.GoType != nil:
		return badV1(param, "%s: invalid type: %s cannot be read as %s", param, wrong.JSONKind, wrong.GoType.Kind())
	}
	return badV1(param, "%s: invalid value", param)
}

// paramAt words a pointer such as /messages/0/content as OpenAI does: messages[0].content.
func paramAt(pointer jsontext.Pointer) string {
	var param strings.Builder
	for token := range pointer.Tokens() {
		switch _, err := strconv.Atoi(token); {
		case err == nil:
			fmt.Fprintf(&param, "[%s]", token)
		case param.Len() > 0:
			fmt.Fprintf(&param, ".%.100s", token)
		default:
			fmt.Fprintf(&param, "%.100s", token)
		}
	}
	return param.String()
}

// validate returns the answer to a request that the agent does not get to see. Messages
// and tools are checked where they are converted.
func (in *completionInput) validate() *v1Error {
	switch {
	case in.Model == "":
		return badV1("model", "You must provide a model")
	case !isModel(in.Model):
		return unknownModel(in.Model)
	case len(in.Messages) == 0:
		return badV1("messages", "messages must not be empty")
	case len(in.Messages) > maxMessages:
		return badV1("messages", "There are more than %d messages", maxMessages)
	case len(in.Tools) > maxTools:
		return badV1("tools", "There are more than %d tools", maxTools)
	case in.N != 0 && in.N != 1:
		return badV1("n", "Only one choice is possible")
	case in.Logprobs || in.TopLogprobs != 0:
		return badV1("logprobs", "Log probabilities are not supported")
	case isGiven(in.Audio):
		return badV1("audio", "Audio is not supported")
	case in.Functions != nil || isGiven(in.FunctionCall):
		return badV1("functions", "Functions are not supported: send them as tools")
	}
	for _, modality := range in.Modalities {
		if modality != "text" {
			return badV1("modalities", "Only text is supported")
		}
	}
	return in.validateOptions()
}

func (in *completionInput) validateOptions() *v1Error {
	switch {
	case in.MaxTokens != nil && *in.MaxTokens < 1:
		return badV1("max_tokens", "max_tokens must be at least 1")
	case in.MaxCompletionTokens != nil && *in.MaxCompletionTokens < 1:
		return badV1("max_completion_tokens", "max_completion_tokens must be at least 1")
	}
	return nil
}

// isGiven reports whether a member is there, and not null.
func isGiven(value json.RawMessage) bool { return len(value) > 0 && string(value) != "null" }
