package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/go-json-experiment/json/jsontext"
)

// EventType says what happened. It is the CloudEvent's type and, as in the
// bare events of the tutorials, the event_type of its data.
type EventType string

// The events of the suite, each on the topic of the same comment.
const (
	MessageSent    EventType = "MessageSent"    // TopicMessages
	UserRegistered EventType = "UserRegistered" // TopicUsers
)

// CloudEventsContentType is the media type of one CloudEvent in JSON, see
// https://github.com/cloudevents/spec, "JSON Event Format".
const CloudEventsContentType = "application/cloudevents+json"

// Event is one thing that happened to one user.
type Event struct {
	// ID is the same for every copy of the event: however often it is
	// published or delivered, it counts once.
	ID string
	// Time is when it happened, by the publisher's clock, in whole milliseconds.
	// Like the ID it is the same for every copy. It is zero where the
	// publisher gave none.
	Time   time.Time
	Type   EventType
	UserID UserID
}

// payload is the data of the event on the wire, and the whole of a bare event.
type payload struct {
	Type   EventType `json:"event_type"`
	UserID UserID    `json:"user_id"`
}

// Topic is the topic on which events of the type are published.
func (t EventType) Topic() string {
	if t == UserRegistered {
		return TopicUsers
	}
	return TopicMessages
}

// Encode returns the event as a CloudEvent 1.0 in JSON, to be published with
// CloudEventsContentType. An envelope of our own, rather than the sidecar's,
// keeps id and time the same when publishing is tried again.
func (e Event) Encode() ([]byte, error) {
	ce := event.New()
	ce.SetID(e.ID)
	ce.SetSource(ChatApp)
	ce.SetType(string(e.Type))
	ce.SetTime(e.Time)
	if err := ce.SetData(event.ApplicationJSON, payload{Type: e.Type, UserID: e.UserID}); err != nil {
		return nil, fmt.Errorf("encoding the data of event %q: %w", e.ID, err)
	}
	b, err := json.Marshal(ce)
	if err != nil {
		return nil, fmt.Errorf("encoding event %q: %w", e.ID, err)
	}
	return b, nil
}

// IsCloudEvent tells whether a request body is meant to be a CloudEvent, by its
// content type or by its specversion, rather than the bare event of the tutorials.
func IsCloudEvent(contentType string, body []byte) bool {
	if mediaType, _, err := mime.ParseMediaType(contentType); err == nil && mediaType == CloudEventsContentType {
		return true
	}
	var envelope struct {
		SpecVersion json.RawMessage `json:"specversion"`
	}
	return json.Unmarshal(body, &envelope) == nil && envelope.SpecVersion != nil
}

// DecodeCloudEvent reads a CloudEvent as Dapr delivers it. It fails on
// everything that could not be handled later either: what is not a CloudEvent
// with an id, data that is not an object, another event type than want, and
// a user id that Validate refuses. Its error quotes little of the event, however
// large that is.
func DecodeCloudEvent(body []byte, want EventType) (Event, error) {
	e, err := decodeCloudEvent(body, want)
	if err != nil {
		return Event{}, errors.New(Shorten(err.Error(), maxReason))
	}
	return e, nil
}

const maxReason = 400 // bytes

// Shorten cuts what is longer than limit bytes, and marks the cut.
func Shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}

func decodeCloudEvent(body []byte, want EventType) (Event, error) {
	if !jsontext.Value(body).IsValid() {
		return Event{}, errors.New("not valid JSON")
	}
	body, err := normalise(body)
	if err != nil {
		return Event{}, err
	}
	var ce event.Event
	if err := json.Unmarshal(body, &ce); err != nil {
		return Event{}, fmt.Errorf("not a CloudEvent: %w", err)
	}
	if err := ce.Validate(); err != nil {
		return Event{}, fmt.Errorf("not a valid CloudEvent: %s", strings.TrimSpace(err.Error()))
	}
	if ce.DataBase64 {
		return Event{}, errors.New("the data is binary; expected a JSON object")
	}
	if ce.Time().IsZero() {
		return Event{}, errors.New("the event has no time, by which copies of it are told from new ones")
	}
	e, err := DecodeBareEvent(ce.Data())
	if err != nil {
		return Event{}, fmt.Errorf("data: %w", err)
	}
	if e.Type != want {
		return Event{}, fmt.Errorf("data: event_type is %q; expected %q", e.Type, want)
	}
	if err := e.UserID.Validate(); err != nil {
		return Event{}, fmt.Errorf("data: %w", err)
	}
	e.ID, e.Time = ce.ID(), ce.Time().Truncate(time.Millisecond)
	return e, nil
}

// normalise writes the content type of the data as the CloudEvents SDK knows
// JSON: without parameters, in lower case, and not by a +json suffix. It refuses
// what is not JSON.
func normalise(body []byte) ([]byte, error) {
	var envelope map[string]json.RawMessage
	if err := json.Unmarshal(body, &envelope); err != nil {
		return nil, errors.New("not a CloudEvent: not a JSON object")
	}
	var given string
	_ = json.Unmarshal(envelope["datacontenttype"], &given)
	if given == "" || envelope["data"] == nil {
		return body, nil // absent means JSON; all else is for the SDK to refuse
	}
	mediaType, _, err := mime.ParseMediaType(given)
	if err != nil || mediaType != event.ApplicationJSON && !strings.HasSuffix(mediaType, "+json") {
		return nil, fmt.Errorf("the data is %q; expected %s", given, event.ApplicationJSON)
	}
	envelope["datacontenttype"] = json.RawMessage(`"` + event.ApplicationJSON + `"`)
	return json.Marshal(envelope)
}

// DecodeBareEvent reads {"event_type","user_id"} without an envelope: the event
// has neither ID nor Time, and its type and user id may be empty or unknown.
func DecodeBareEvent(body []byte) (Event, error) {
	if !jsontext.Value(body).IsValid() {
		return Event{}, errors.New("not valid JSON")
	}
	if !bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) {
		return Event{}, errors.New("not a JSON object")
	}
	var p payload
	if err := json.Unmarshal(body, &p); err != nil {
		return Event{}, fmt.Errorf("event_type and user_id must be strings: %w", err)
	}
	return Event{Type: p.Type, UserID: p.UserID}, nil
}
