package main

import (
	"crypto/subtle"
	"io"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"daca/services/internal/contract"
)

// maxDelivery is larger than any delivery of a sidecar: 4 MiB by default, in
// base64. A delivery refused for its size would be redelivered forever.
const maxDelivery = 6 << 20

// eventInput is a request to a subscription route: a delivery of the sidecar, or
// a bare event of a client.
type eventInput struct {
	ContentType    string `header:"Content-Type"`
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"255" doc:"For bare events, which have no id: the same key counts once."`
	RawBody        []byte `contentType:"application/json"`
}

// bareEvent documents an event without an envelope, and the data of a CloudEvent.
type bareEvent struct {
	EventType contract.EventType `json:"event_type" enum:"MessageSent,UserRegistered"`
	UserID    contract.UserID    `json:"user_id"`
}

// cloudEvent documents an event as Dapr delivers it: contract.Event has an example,
// to which Dapr adds fields of its own such as "topic" and "pubsubname".
type cloudEvent struct {
	SpecVersion string    `json:"specversion" enum:"1.0"`
	ID          string    `json:"id" doc:"The same id counts once."`
	Source      string    `json:"source"`
	Type        string    `json:"type"`
	Time        time.Time `json:"time,omitempty"`
	Data        bareEvent `json:"data"`
}

// eventBody documents the body of a delivery. The handlers decode it themselves,
// because Dapr must learn in a 200 that an event cannot be decoded.
func eventBody(registry huma.Registry) *huma.RequestBody {
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/json":              {Schema: registry.Schema(reflect.TypeFor[bareEvent](), true, "")},
		contract.CloudEventsContentType: {Schema: registry.Schema(reflect.TypeFor[cloudEvent](), true, "")},
	}}
}

// eventOutput is the answer to an event. Dapr understands SUCCESS; RETRY, which
// asks for a redelivery by the Resiliency policy; and DROP, which moves the event
// to the dead-letter topic. A bare event gets the tutorials' success or ignored.
type eventOutput struct {
	Body struct {
		Status string `json:"status" enum:"SUCCESS,RETRY,DROP,success,ignored"`
		Reason string `json:"reason,omitempty" doc:"Why the event is dropped or ignored, or to be delivered again."`
	}
}

// See https://docs.dapr.io/reference/api/pubsub_api/, "Expected HTTP Response".
const (
	statusSuccess = "SUCCESS"
	statusRetry   = "RETRY"
	statusDrop    = "DROP"
)

func status(s, reason string) *eventOutput {
	out := &eventOutput{}
	out.Body.Status = s
	out.Body.Reason = reason
	return out
}

// fromSidecar is a middleware that admits only requests with the token that the
// sidecar sends if it has an app token (dapr.io/app-token-secret).
func fromSidecar(token string) func(huma.Context, func(huma.Context)) {
	const refusal = `{"detail":"Only the Dapr sidecar delivers events, with its app token in the header dapr-api-token."}`
	return func(ctx huma.Context, next func(huma.Context)) {
		if subtle.ConstantTimeCompare([]byte(ctx.Header("dapr-api-token")), []byte(token)) == 1 {
			next(ctx)
			return
		}
		ctx.SetStatus(http.StatusUnauthorized)
		ctx.SetHeader("Content-Type", "application/json")
		_, _ = io.WriteString(ctx.BodyWriter(), refusal)
	}
}
