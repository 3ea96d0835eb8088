package main

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"daca/services/chat/runs"
	"daca/services/internal/fastapi"
)

// register adds the routes of streams and runs.
func (s *streams) register(api *fastapi.API) {
	post := api.Operation("chat-stream", "POST", "/chat/stream", "chat",
		"Send a message, and get the answer as it is made", 400, 404, 409, 413, 415, 422, 500, 503)
	post.Description = "The stream is a view of a run, which belongs to the service: when the connection is cut, the " +
		"run goes on, and GET /runs/{run_id}/events continues the stream where it was cut. " +
		"Failures of the model come as an event, because they come after the stream has begun."
	post.Responses["200"] = runStream(api)
	fastapi.Register(api, post, s.post)

	const one = "/runs/{run_id}"
	fastapi.Register(api, api.Operation("get-run", "GET", one, "runs",
		"Ask what has become of a run", 404, 422, 503), s.get)
	fastapi.Register(api, api.Operation("stop-run", "DELETE", one, "runs",
		"Stop a run", 404, 422, 503), s.stop)
	events := api.Operation("run-events", "GET", one+"/events", "runs",
		"Follow a run, from the beginning or from where a stream was cut", 404, 422, 503)
	events.Description = "Any replica can be asked, until an hour after the end of the run."
	events.Responses["200"] = runStream(api)
	events.Responses["204"] = &huma.Response{Description: "The last event was read: there is nothing more."}
	fastapi.Register(api, events, s.events)
}

// runStream describes the stream of a run.
func runStream(api *fastapi.API) *huma.Response {
	return eventStream(api, "Server-sent events: run, then what happens, and one of message, stopped and error last. "+
		"Comments come in between.", []eventKind{
		{runEvent, "The first event. A stream that continues another one does not have it.", beginning, runStarted{}},
		{string(runs.Token), "The text grows.", "1.0.12", tokenData{}},
		{string(runs.Reset), "The turn in progress starts over: drop its text so far.", "2.0.0", resetData{}},
		{
			string(runs.ToolCall), "The model calls a tool. Text before that is a remark, and no part of the reply.",
			"1.1.0", toolCallData{},
		},
		{string(runs.ToolResult), "A tool has answered.", "1.2.0", toolResultData{}},
		{string(runs.Message), "The last event: the answer, as POST /chat/ gives it.", "1.end", messageData{}},
		{string(runs.Cut), "The last event: somebody has stopped the run.", "1.end", stoppedData{}},
		{
			string(runs.Error), "The last event: there is no answer. Status and detail are those of POST /chat/.",
			"1.end", runs.Failure{},
		},
	})
}

// eventKind describes an event of a stream. The example is one of its id, which an event
// without an example does not have.
type eventKind struct {
	name, description, example string
	data                       any
}

// eventStream describes a stream of events: one schema for each of them.
func eventStream(api *fastapi.API, description string, kinds []eventKind) *huma.Response {
	registry := api.OpenAPI().Components.Schemas
	var schemas []*huma.Schema
	for _, kind := range kinds {
		schema := &huma.Schema{
			Title: "Event " + kind.name, Description: kind.description, Type: huma.TypeObject,
			Properties: map[string]*huma.Schema{
				"event": {Type: huma.TypeString, Enum: []any{kind.name}},
				"data":  registry.Schema(reflect.TypeOf(kind.data), true, kind.name),
			},
			Required: []string{"event", "data"},
		}
		if kind.example != "" {
			schema.Properties["id"] = &huma.Schema{
				Type: huma.TypeString, Description: "An opaque cursor.", Examples: []any{kind.example},
			}
			schema.Required = append([]string{"id"}, schema.Required...)
		}
		schemas = append(schemas, schema)
	}
	return &huma.Response{
		Description: http.StatusText(http.StatusOK),
		Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{
			Title:       "Events",
			Description: description,
			Type:        huma.TypeArray,
			Items:       &huma.Schema{OneOf: schemas},
		}}},
	}
}
