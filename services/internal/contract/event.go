package contract

import (
	"fmt"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
)

// EventType says what happened. It is the CloudEvent's type and, as in the bare
// events of the tutorials, the event_type of its data.
type EventType string

// The events of the suite. Each is published on the topic in its comment.
const (
	MessageSent    EventType = "MessageSent"    // TopicMessages
	UserRegistered EventType = "UserRegistered" // TopicUsers
)

// Topic returns the topic on which events of the type are published.
func (t EventType) Topic() string {
	if t == UserRegistered {
		return TopicUsers
	}
	return TopicMessages
}

// CloudEventsContentType is the media type of one CloudEvent in JSON, see
// https://github.com/cloudevents/spec, "JSON Event Format".
const CloudEventsContentType = "application/cloudevents+json"

// Event is one thing that happened to one user. Encode makes it a CloudEvent:
//
//	{
//	  "specversion": "1.0",
//	  "id": "0f0bd9ec-8a3c-5a0e-8f5a-3c1d2b4e6f70",
//	  "source": "chat-service",
//	  "type": "MessageSent",
//	  "datacontenttype": "application/json",
//	  "time": "2026-01-02T12:00:00.123Z",
//	  "receivedtime": "2026-01-02T11:59:59.100200Z",
//	  "answeredtime": "2026-01-02T12:00:00.123400Z",
//	  "data": {"event_type": "MessageSent", "user_id": "alice"}
//	}
type Event struct {
	// ID is the same for every copy of the event: however often it is published or
	// delivered, it counts once.
	ID string
	// Time is when it happened, by the publisher's clock, in whole milliseconds.
	// Like the ID it is the same for every copy. It is zero if the publisher gave
	// none.
	Time   time.Time
	Type   EventType
	UserID UserID
	// Received is when the publisher got the request that the event is about, by its
	// clock, in whole microseconds. It is in the extension attribute receivedtime, is
	// only shown to people, and decides nothing. It is zero if it is not known.
	Received time.Time
	// Answered is when the publisher had the answer, like Received, in the extension
	// attribute answeredtime. It differs from Time in copies of an event, which have the
	// Time of the first request with their Idempotency-Key.
	Answered time.Time
}

// payload is the data of a CloudEvent, and the whole of a bare event:
//
//	{"event_type": "MessageSent", "user_id": "alice"}
type payload struct {
	Type   EventType `json:"event_type"`
	UserID UserID    `json:"user_id"`
}

// Encode returns the event as a CloudEvent 1.0 in JSON, to be published with
// CloudEventsContentType. Its source is ChatApp, the only publisher. Because the
// envelope is ours and not the sidecar's, its id and time stay the same when
// publishing is tried again.
func (e Event) Encode() ([]byte, error) {
	data, err := jsonv2.Marshal(payload{Type: e.Type, UserID: e.UserID})
	if err != nil {
		return nil, fmt.Errorf("encoding the data of event %q: %w", e.ID, err)
	}
	encoded, err := jsonv2.Marshal(envelope{
		SpecVersion:     specVersion,
		ID:              e.ID,
		Source:          ChatApp,
		Type:            string(e.Type),
		Time:            e.Time.Format(time.RFC3339Nano),
		ReceivedTime:    extensionTime(e.Received),
		AnsweredTime:    extensionTime(e.Answered),
		DataContentType: jsonContentType,
		Data:            data,
	})
	if err != nil {
		return nil, fmt.Errorf("encoding event %q: %w", e.ID, err)
	}
	return encoded, nil
}
