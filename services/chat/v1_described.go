package main

import (
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"daca/services/internal/fastapi"
)

// describe adds the routes of OpenAI's API to the description. They decode and answer by
// themselves.
func (f *front) describe(api *fastapi.API) {
	registry := api.OpenAPI().Components.Schemas
	schema := func(t reflect.Type) *huma.Schema { return registry.Schema(t, true, "") }
	body := func(t reflect.Type) map[string]*huma.MediaType {
		return map[string]*huma.MediaType{"application/json": {Schema: schema(t)}}
	}
	add := func(id, method, path, summary string, content map[string]*huma.MediaType, errors ...int) *huma.Operation {
		op := api.Operation(id, method, path, "openai", summary)
		op.Responses["200"] = &huma.Response{Description: http.StatusText(http.StatusOK), Content: content}
		if f.key != "" {
			op = api.DescribeBearer(op)
			errors = append(errors, http.StatusUnauthorized)
		}
		for _, status := range errors {
			op.Responses[strconv.Itoa(status)] = &huma.Response{
				Description: http.StatusText(status), Content: body(reflect.TypeFor[v1Problem]()),
			}
		}
		api.OpenAPI().AddOperation(&op)
		return &op
	}

	add("list-models", "GET", "/v1/models", "Which models are there?", body(reflect.TypeFor[modelList]()))
	one := add("get-model", "GET", "/v1/models/{model}", "Is there that model?", body(reflect.TypeFor[model]()),
		http.StatusNotFound)
	one.Parameters = []*huma.Param{{
		Name: "model", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString},
	}}

	answers := body(reflect.TypeFor[completionAnswer]())
	answers["text/event-stream"] = &huma.MediaType{Schema: schema(reflect.TypeFor[completionChunk]())}
	complete := add("complete-chat", "POST", "/v1/chat/completions", "Chat as a client of OpenAI's API", answers,
		400, 404, 413, 415, 502, 503, 504)
	complete.Description = "The history is the client's. With stream, the answer is server-sent events: one chunk in " +
		"each data line, and [DONE] in the last one. A failure in the middle is an event with an error, and the last."
	complete.RequestBody = &huma.RequestBody{Required: true, Content: body(reflect.TypeFor[completionInput]())}
	complete.Parameters = []*huma.Param{
		{
			Name: f.userHeader, In: "header", Description: "The user, if the body has none.",
			Schema: &huma.Schema{Type: huma.TypeString},
		},
		{
			Name: "Idempotency-Key", In: "header",
			Description: "Requests of one user with the same key are one message: it counts once.",
			Schema:      &huma.Schema{Type: huma.TypeString, MaxLength: new(maxIdempotencyKey)},
		},
	}
}
