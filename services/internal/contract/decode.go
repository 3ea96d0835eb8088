package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"strings"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/go-json-experiment/json/jsontext"
)

// IsCloudEvent reports whether a request body is meant to be a CloudEvent, by its
// content type or its specversion, rather than a bare event of the tutorials.
func IsCloudEvent(contentType string, body []byte) bool {
	if mediaType, _, err := mime.ParseMediaType(contentType); err == nil && mediaType == CloudEventsContentType {
		return true
	}
	var envelope struct {
		SpecVersion json.RawMessage `json:"specversion"`
	}
	return json.Unmarshal(body, &envelope) == nil && envelope.SpecVersion != nil
}

// maxReason limits the error of DecodeCloudEvent, in bytes.
const maxReason = 400

// DecodeCloudEvent reads a CloudEvent as Dapr delivers it. It fails on every event
// that could not be handled later either: one that is not a CloudEvent with an id
// and a time, whose data is not an object, whose type is not want, or whose user
// id Validate refuses. Its error is short, however large the event is.
func DecodeCloudEvent(body []byte, want EventType) (Event, error) {
	e, err := decodeCloudEvent(body, want)
	if err != nil {
		return Event{}, errors.New(Shorten(err.Error(), maxReason))
	}
	return e, nil
}

// Shorten cuts text after limit bytes, and marks the cut.
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
	var envelope cloudevents.Event
	if err := json.Unmarshal(body, &envelope); err != nil {
		return Event{}, fmt.Errorf("not a CloudEvent: %w", err)
	}
	if err := envelope.Validate(); err != nil {
		return Event{}, fmt.Errorf("not a valid CloudEvent: %s", strings.TrimSpace(err.Error()))
	}
	if envelope.DataBase64 {
		return Event{}, errors.New("the data is binary; expected a JSON object")
	}
	if envelope.Time().IsZero() {
		return Event{}, errors.New("the event has no time, by which copies of it are told from new ones")
	}
	e, err := DecodeBareEvent(envelope.Data())
	if err != nil {
		return Event{}, fmt.Errorf("data: %w", err)
	}
	if e.Type != want {
		return Event{}, fmt.Errorf("data: event_type is %q; expected %q", e.Type, want)
	}
	if err := e.UserID.Validate(); err != nil {
		return Event{}, fmt.Errorf("data: %w", err)
	}
	e.ID = envelope.ID()
	e.Time = envelope.Time().Truncate(time.Millisecond)
	return e, nil
}

// normalise rewrites the content type of the data to the one form of JSON that
// the CloudEvents SDK knows: without parameters, in lower case, and without a
// +json suffix. It fails if the data is not JSON.
func normalise(body []byte) ([]byte, error) {
	var envelope map[string]json.RawMessage
	if err := json.Unmarshal(body, &envelope); err != nil {
		return nil, errors.New("not a CloudEvent: not a JSON object")
	}
	var contentType string
	_ = json.Unmarshal(envelope["datacontenttype"], &contentType)
	if contentType == "" || envelope["data"] == nil {
		return body, nil // absent means JSON; the SDK refuses everything else
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil || mediaType != cloudevents.ApplicationJSON && !strings.HasSuffix(mediaType, "+json") {
		return nil, fmt.Errorf("the data is %q; expected %s", contentType, cloudevents.ApplicationJSON)
	}
	envelope["datacontenttype"] = json.RawMessage(`"` + cloudevents.ApplicationJSON + `"`)
	return json.Marshal(envelope)
}

// DecodeBareEvent reads {"event_type","user_id"} without an envelope. The event
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
