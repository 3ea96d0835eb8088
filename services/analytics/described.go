package main

import (
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"daca/services/internal/contract"
	"daca/services/internal/fastapi"
)

// bareEvent documents an event without an envelope, and the data of a CloudEvent.
type bareEvent struct {
	EventType contract.EventType `json:"event_type" enum:"MessageSent,UserRegistered"`
	UserID    contract.UserID    `json:"user_id"`
}

// cloudEvent documents an event as it is published: contract.Event has an example,
// to which Dapr adds fields of its own such as "topic" and "pubsubname".
type cloudEvent struct {
	SpecVersion string    `json:"specversion" enum:"1.0"`
	ID          string    `json:"id" doc:"The same id counts once."`
	Source      string    `json:"source"`
	Type        string    `json:"type"`
	Time        time.Time `json:"time" doc:"The same for every copy of the event."`
	Received    time.Time `json:"receivedtime,omitempty" doc:"When chat got the message; it is only shown."`
	Answered    time.Time `json:"answeredtime,omitempty" doc:"When chat had the answer; it is only shown."`
	Data        bareEvent `json:"data"`
}

// bulkDelivery documents what the sidecar delivers: many events of a topic at once.
type bulkDelivery struct {
	Entries    []bulkEntry `json:"entries"`
	PubsubName string      `json:"pubsubname" example:"pubsub"`
	Topic      string      `json:"topic" example:"messages"`
	Type       string      `json:"type" example:"com.dapr.event.sent.bulk"`
}

type bulkEntry struct {
	EntryID string `json:"entryId"`
	Event   []byte `json:"event" doc:"A CloudEvent in base64."`
}

// bulkAnswer documents the answer to a bulk delivery.
type bulkAnswer struct {
	Statuses []struct {
		EntryID string `json:"entryId"`
		Status  string `json:"status" enum:"SUCCESS,RETRY"`
	} `json:"statuses" doc:"SUCCESS for an event that is counted or kept as a dead letter; RETRY while the store fails."`
}

// describeDelivery documents the bodies of a subscription route, which decodes and
// answers by itself.
func describeDelivery(api *fastapi.API, op *huma.Operation) {
	registry := api.OpenAPI().Components.Schemas
	schema := func(t reflect.Type) *huma.Schema { return registry.Schema(t, true, "") }
	op.Parameters = []*huma.Param{{
		Name: "Idempotency-Key", In: "header",
		Description: "For bare events, which have no id: the same key counts once.",
		Schema:      &huma.Schema{Type: huma.TypeString, MaxLength: new(maxKey)},
	}}
	op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/json": {Schema: &huma.Schema{OneOf: []*huma.Schema{
			schema(reflect.TypeFor[bareEvent]()), schema(reflect.TypeFor[bulkDelivery]()),
		}}},
		contract.CloudEventsContentType: {Schema: schema(reflect.TypeFor[cloudEvent]())},
	}}
	op.Responses["200"] = &huma.Response{
		Description: "OK",
		Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{OneOf: []*huma.Schema{
			schema(reflect.TypeFor[deliveryAnswer]()), schema(reflect.TypeFor[bulkAnswer]()),
		}}}},
	}
}
