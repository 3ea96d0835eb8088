package contract

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// envelope is the part of a CloudEvent that the suite writes and reads. Members that
// it does not name are ignored, whatever they hold.
type envelope struct {
	SpecVersion     string         `json:"specversion"`
	ID              string         `json:"id"`
	Source          string         `json:"source"`
	Type            string         `json:"type"`
	Time            string         `json:"time"`
	ReceivedTime    extensionTime  `json:"receivedtime,omitzero"`
	AnsweredTime    extensionTime  `json:"answeredtime,omitzero"`
	DataContentType string         `json:"datacontenttype"`
	Data            jsontext.Value `json:"data"`
	DataBase64      jsontext.Value `json:"data_base64,omitzero"`
}

// Values of an envelope, see https://github.com/cloudevents/spec.
const (
	specVersion     = "1.0"
	jsonContentType = "application/json" // of the data
)

// maxReason limits the error of DecodeCloudEvent, in bytes.
const maxReason = 400

// DecodeCloudEvent reads a CloudEvent. It fails on every event that could not be
// handled later either: one that is not a CloudEvent with an id and a time after
// 1970, whose data is not an object, whose type is not want, or whose user id
// Validate refuses. Its error is short, however large the event is. An extension
// attribute makes no event fail: one that is not a time is ignored.
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
	var read envelope
	if err := unmarshalObject(body, &read); err != nil {
		return Event{}, fmt.Errorf("%w: expected a CloudEvent", err)
	}
	if err := read.validate(); err != nil {
		return Event{}, fmt.Errorf("not a valid CloudEvent: %w", err)
	}
	if read.DataBase64 != nil {
		return Event{}, errors.New("the data is binary; expected a JSON object")
	}
	if err := checkContentType(read.DataContentType); err != nil {
		return Event{}, err
	}
	if read.Time == "" {
		return Event{}, errors.New("the event has no time, by which copies of it are told from new ones")
	}
	at, err := time.Parse(time.RFC3339, read.Time)
	if err != nil || at.UnixMilli() <= 0 {
		return Event{}, fmt.Errorf("the event's time %q is not one after 1970 by RFC 3339", read.Time)
	}
	e, err := DecodeBareEvent(read.Data)
	if err != nil {
		return Event{}, fmt.Errorf("data: %w", err)
	}
	if e.Type != want {
		return Event{}, fmt.Errorf("data: event_type is %q; expected %q", e.Type, want)
	}
	if err := e.UserID.Validate(); err != nil {
		return Event{}, fmt.Errorf("data: %w", err)
	}
	e.ID = read.ID
	e.Time = at.UTC().Truncate(time.Millisecond)
	e.Received = time.Time(read.ReceivedTime)
	e.Answered = time.Time(read.AnsweredTime)
	return e, nil
}

// extensionTime is a time of an extension attribute. A stranger may write a value of any
// type there: one that is not a time after 1970 by RFC 3339 is read as zero.
type extensionTime time.Time

// microseconds is a layout of package time for a time in UTC by RFC 3339.
const microseconds = "2006-01-02T15:04:05.000000Z"

// maxQuotedTime is longer than any time by RFC 3339 with nanoseconds, in bytes.
const maxQuotedTime = 48

// IsZero reports whether the time is not known, and the attribute left out.
func (t extensionTime) IsZero() bool { return time.Time(t).IsZero() }

// MarshalJSONTo writes the time in UTC, in whole microseconds.
func (t extensionTime) MarshalJSONTo(enc *jsontext.Encoder) error {
	return enc.WriteToken(jsontext.String(time.Time(t).UTC().Format(microseconds)))
}

// UnmarshalJSONFrom reads a value of any type. It fails only if the JSON is not valid.
func (t *extensionTime) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*t = extensionTime{}
	value, err := dec.ReadValue()
	if err != nil || value.Kind() != '"' || len(value) > maxQuotedTime {
		return err
	}
	at, err := time.Parse(time.RFC3339, string(value[1:len(value)-1]))
	if err == nil && at.UnixMicro() > 0 {
		*t = extensionTime(at.UTC().Truncate(time.Microsecond))
	}
	return nil
}

// validate checks what every CloudEvent has to have, see
// https://github.com/cloudevents/spec, "Context Attributes".
func (e envelope) validate() error {
	switch {
	case e.SpecVersion != specVersion:
		return fmt.Errorf("specversion is %q; expected %q", e.SpecVersion, specVersion)
	case e.ID == "":
		return errors.New("it has no id")
	case e.Source == "":
		return errors.New("it has no source")
	case e.Type == "":
		return errors.New("it has no type")
	}
	return nil
}

// checkContentType fails if the data is not JSON, which it is if nothing is said.
func checkContentType(contentType string) error {
	if contentType == "" || contentType == jsonContentType {
		return nil
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil || mediaType != jsonContentType && !strings.HasSuffix(mediaType, "+json") {
		return fmt.Errorf("the data is %q; expected %s", contentType, jsonContentType)
	}
	return nil
}

// DecodeBareEvent reads {"event_type","user_id"} without an envelope. The event
// has neither ID nor Time, and its type and user id may be empty or unknown.
func DecodeBareEvent(body []byte) (Event, error) {
	var p payload
	err := unmarshalObject(body, &p)
	if errors.Is(err, errWrongType) {
		return Event{}, errors.New("event_type and user_id must be strings")
	}
	if err != nil {
		return Event{}, err
	}
	return Event{Type: p.Type, UserID: p.UserID}, nil
}

// errWrongType says that a member of a JSON object has a type that it cannot have.
var errWrongType = errors.New("a member has the wrong type")

// unmarshalObject reads a JSON object. It refuses invalid UTF-8 and duplicate names.
func unmarshalObject(body []byte, target any) error {
	err := jsonv2.Unmarshal(body, target)
	var syntactic *jsontext.SyntacticError
	var semantic *jsonv2.SemanticError
	switch {
	case err == nil && !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")):
		return errors.New("not a JSON object") // it is null
	case err == nil:
		return nil
	case errors.As(err, &semantic) && semantic.JSONPointer == "":
		return errors.New("not a JSON object")
	case errors.As(err, &semantic):
		return fmt.Errorf("%w: %s", errWrongType, semantic.JSONPointer)
	case errors.As(err, &syntactic) && syntactic.ByteOffset > 0:
		return fmt.Errorf("not valid JSON at byte %d", syntactic.ByteOffset)
	}
	return errors.New("not valid JSON")
}
