package contract

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
)

func TestEventSurvivesItsEnvelope(t *testing.T) {
	t.Parallel()
	for _, id := range []UserID{"alice", "a||b", "../x", "a/b", "%2e%2e%2f", "a?b#c", "😀", `"quoted"`} {
		want := Event{
			ID: "id-1", Time: time.UnixMilli(1_700_000_000_123).UTC(), Type: MessageSent, UserID: id,
			Received: time.UnixMicro(1_699_999_999_000_100).UTC(), Answered: time.UnixMicro(1_700_000_000_000_200).UTC(),
		}
		body, err := want.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeCloudEvent(body, MessageSent)
		if err != nil {
			t.Fatalf("DecodeCloudEvent(%s): %v", body, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("event of user %q changed (-sent +received):\n%s", id, diff)
		}
	}
}

// TestEncodeWritesACloudEvent has the SDK of CloudEvents read what Encode writes.
func TestEncodeWritesACloudEvent(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1_700_000_000_123).UTC()
	received := at.Add(-1234 * time.Microsecond)
	body, err := Event{
		ID: "id-1", Time: at, Type: MessageSent, UserID: `"alice"`, Received: received, Answered: at.Add(time.Microsecond),
	}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var read cloudevents.Event
	if err := json.Unmarshal(body, &read); err != nil {
		t.Fatalf("the SDK does not read %s: %v", body, err)
	}
	if err := read.Validate(); err != nil {
		t.Errorf("the SDK finds fault with %s: %v", body, err)
	}
	want := cloudevents.New()
	want.SetID("id-1")
	want.SetSource("chat-service")
	want.SetType("MessageSent")
	want.SetTime(at)
	want.SetExtension("receivedtime", "2023-11-14T22:13:20.121766Z")
	want.SetExtension("answeredtime", "2023-11-14T22:13:20.123001Z")
	const data = `{"event_type":"MessageSent","user_id":"\"alice\""}`
	if err := want.SetData("application/json", json.RawMessage(data)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), read.String()); diff != "" {
		t.Errorf("the SDK reads another event (-want +got):\n%s", diff)
	}
}

func TestDecodeCloudEventRefusesPoison(t *testing.T) {
	t.Parallel()
	const begin = `{"specversion":"1.0","id":"1","source":"s","type":"t",`
	envelope := func(data string) string { return begin + `"time":"2026-01-02T12:00:00Z",` + data + `}` }
	sentBy := func(user string) string {
		return envelope(`"data":{"event_type":"MessageSent","user_id":` + user + `}`)
	}
	const quoted = `"data":"{\"event_type\":\"MessageSent\",\"user_id\":\"alice\"}"`
	const registered = `"data":{"event_type":"UserRegistered","user_id":"alice"}`
	good := `"data":{"event_type":"MessageSent","user_id":"alice"}`
	for name, tc := range map[string]struct{ body, want string }{
		"empty":             {``, "not valid JSON"},
		"broken":            {`{"id":`, "not valid JSON"},
		"trailing":          {envelope(good) + `{}`, "not valid JSON"},
		"invalid UTF-8":     {envelope("\"data\":{\"event_type\":\"MessageSent\",\"user_id\":\"\xff\"}"), "not valid JSON"},
		"duplicate names":   {envelope(good + `,"id":"2"`), "not valid JSON"},
		"null":              {`null`, "CloudEvent"},
		"list":              {`[]`, "CloudEvent"},
		"no specversion":    {`{"id":"1","source":"s","type":"t",` + good + `}`, "specversion"},
		"no id":             {`{"specversion":"1.0","source":"s","type":"t",` + good + `}`, "id"},
		"numeric id":        {`{"specversion":"1.0","id":1,"source":"s","type":"t",` + good + `}`, "CloudEvent"},
		"no time":           {begin + good + `}`, "no time"},
		"no data":           {envelope(`"subject":"x"`), "data"},
		"data is a string":  {envelope(quoted), "data: not a JSON object"},
		"data is text":      {envelope(`"datacontenttype":"text/plain",` + quoted), "text/plain"},
		"data is base64":    {envelope(`"data_base64":"eyJldmVudF90eXBlIjoiTWVzc2FnZVNlbnQifQ=="`), "binary"},
		"double-wrapped":    {envelope(`"data":` + envelope(good)), "event_type is \"\""},
		"numeric type":      {envelope(`"data":{"event_type":7,"user_id":"alice"}`), "must be strings"},
		"unknown type":      {envelope(`"data":{"event_type":"Other","user_id":"alice"}`), `event_type is "Other"`},
		"type of elsewhere": {envelope(registered), `event_type is "UserRegistered"`},
		"no user":           {envelope(`"data":{"event_type":"MessageSent"}`), "user id is empty"},
		"numeric user":      {sentBy(`7`), "must be strings"},
		"user with CR/LF":   {sentBy(`"a\r\nb"`), "control characters"},
		"user too long":     {sentBy(`"` + strings.Repeat("a", 1024) + `"`), "longer than"},
		"user is two dots":  {sentBy(`".."`), "dots"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := DecodeCloudEvent([]byte(tc.body), MessageSent)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("DecodeCloudEvent(%s) = %+v, %v; want an error with %q", tc.body, e, err, tc.want)
			}
		})
	}
}

// TestExtensionsMakeNoEventFail holds that an extension attribute, which strangers may
// write too, is used if it is a time, and is ignored otherwise.
func TestExtensionsMakeNoEventFail(t *testing.T) {
	t.Parallel()
	want := time.Date(2026, 1, 2, 11, 0, 0, 123_456_000, time.UTC)
	for received, want := range map[string]time.Time{
		`"2026-01-02T11:00:00.123456Z"`:          want,
		`"2026-01-02T12:00:00.123456789+01:00"`:  want,
		`"2026-01-02T11:00:00Z"`:                 want.Truncate(time.Second),
		`"0001-01-01T00:00:00Z"`:                 {},
		`"yesterday"`:                            {},
		`"\u0032026-01-02T11:00:00Z"`:            {},
		`""`:                                     {},
		`"` + strings.Repeat("9", 100_000) + `"`: {},
		`7`:                                      {},
		`null`:                                   {},
		`["2026-01-02T11:00:00Z"]`:               {},
		`{"at":"2026-01-02T11:00:00Z","receivedtime":1}`: {},
	} {
		body := `{"specversion":"1.0","id":"1","source":"s","type":"t","time":"2026-01-02T12:00:00Z",` +
			`"receivedtime":` + received + `,"answeredtime":` + received + `,` +
			`"data":{"event_type":"MessageSent","user_id":"alice"}}`
		e, err := DecodeCloudEvent([]byte(body), MessageSent)
		if err != nil || !e.Received.Equal(want) || !e.Answered.Equal(want) || e.UserID != "alice" {
			t.Errorf("receivedtime %.80s: %+v, %v; want %s", received, e, err, want)
		}
	}
}

func TestDecodeCloudEventAcceptsEveryJSONType(t *testing.T) {
	t.Parallel()
	for _, contentType := range []string{
		"application/json", "application/json; charset=utf-8", "Application/JSON", "application/vnd.daca+json",
	} {
		body := fmt.Sprintf(`{"specversion":"1.0","id":"1","source":"s","type":"t","time":"2026-01-02T12:00:00Z",`+
			`"datacontenttype":%q,"data":{"event_type":"MessageSent","user_id":"alice"}}`, contentType)
		if e, err := DecodeCloudEvent([]byte(body), MessageSent); err != nil || e.UserID != "alice" {
			t.Errorf("%s: %+v, %v", contentType, e, err)
		}
	}
}

func BenchmarkDecodeCloudEvent(b *testing.B) {
	at := time.UnixMilli(1_700_000_000_123).UTC()
	for name, received := range map[string]time.Time{"without": {}, "receivedtime": at} {
		body, err := Event{ID: "id-1", Time: at, Type: MessageSent, UserID: "alice", Received: received}.Encode()
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := DecodeCloudEvent(body, MessageSent); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
