package main

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func at(id string, t time.Time) operation { return operation{ID: id, Time: t, Change: addOne} }

// reload encodes the document and decodes it again.
func reload(t *testing.T, d document) document {
	t.Helper()
	value, err := d.encode()
	if err != nil {
		t.Fatal(err)
	}
	d, err = decodeDocument("key", value)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDocumentRemembersWithinTheWindow(t *testing.T) {
	t.Parallel()
	var d document
	d.apply(at("a", noon), noon)
	d.forget(noon, time.Hour, 100)
	later := noon.Add(time.Hour)
	d = reload(t, d)
	d.apply(at("b", later), later)
	d.forget(later, time.Hour, 100)
	d = reload(t, d)
	if v := d.apply(at("a", noon), later); v != duplicate || d.MessageCount != 2 {
		t.Errorf("a copy at the end of the window: verdict %d, count %d; want duplicate, 2", v, d.MessageCount)
	}
}

func TestDocumentDoesNotGuessAboutForgottenEvents(t *testing.T) {
	t.Parallel()
	var d document
	d.apply(at("a", noon), noon)
	later := noon.Add(3 * time.Hour)
	d.apply(at("b", later), later)
	d.forget(later, time.Hour, 100)
	d = reload(t, d)
	if v := d.apply(at("a", noon), later); v != tooOld {
		t.Errorf("a copy of a forgotten event: verdict %d; want tooOld", v)
	}
	if v := d.apply(at("c", noon.Add(time.Second)), later); v != accepted {
		t.Errorf("an event younger than all that is forgotten: verdict %d; want accepted, however late it comes", v)
	}
	if d.MessageCount != 3 {
		t.Errorf("count %d; want 3", d.MessageCount)
	}
}

func TestDocumentRemembersALateEvent(t *testing.T) {
	t.Parallel()
	var d document
	d.apply(at("spooled for days", noon.Add(-72*time.Hour)), noon)
	d.forget(noon, time.Hour, 100)
	if v := d.apply(at("spooled for days", noon.Add(-72*time.Hour)), noon.Add(time.Minute)); v != duplicate {
		t.Errorf("redelivery of an event that came late: verdict %d; want duplicate", v)
	}
}

func TestDocumentLimitsItsEvents(t *testing.T) {
	t.Parallel()
	var d document
	now := noon
	for i := range 250 {
		now = noon.Add(time.Duration(i) * time.Second)
		d.apply(at(strconv.Itoa(i), now), now)
	}
	evicted, age := d.forget(now, time.Hour, 100)
	if evicted != 150 || age < 90*time.Second || age > 250*time.Second {
		t.Errorf("forget = %d, %s; want 150 of about 100s of age", evicted, age)
	}
	d = reload(t, d)
	for id, want := range map[int]verdict{149: tooOld, 150: duplicate, 249: duplicate} {
		if v := d.apply(at(strconv.Itoa(id), noon.Add(time.Duration(id)*time.Second)), now); v != want {
			t.Errorf("event %d: verdict %d; want %d", id, v, want)
		}
	}
	if d.MessageCount != 250 {
		t.Errorf("count %d; want 250", d.MessageCount)
	}
}

func TestDocumentAcceptsARequestDespiteTheHorizon(t *testing.T) {
	t.Parallel()
	d := document{Horizon: noon.Add(time.Hour).UnixMilli()} // by a clock that is ahead
	if v := d.apply(operation{ID: "a", Change: addOne}, noon); v != accepted || d.MessageCount != 1 {
		t.Errorf("verdict %d, count %d; want accepted, 1", v, d.MessageCount)
	}
}

func TestDecodeDocumentRefusesOtherJSON(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		``, `null`, `{}`, `{"foo":1}`, `[]`,
		`{"message_count":-4}`, `{"message_count":"5"}`, `{"message_count":4.5}`, `{"message_count":null}`,
		`{"message_count":1,"recent":[{"at":1,"events":1}]}`, `{"message_count":1,"recent":[{"at":1,"events":[1]}]}`,
	} {
		if d, err := decodeDocument("key", []byte(value)); !errors.Is(err, errCorrupt) {
			t.Errorf("%s is read as %+v, %v; want errCorrupt", value, d, err)
		}
	}
}

// Documents used to have a list of strings where they have one string now.
func TestDecodeDocumentReadsTheListOfEvents(t *testing.T) {
	t.Parallel()
	eventTime := strconv.FormatInt(noon.UnixMilli(), 36)
	d, err := decodeDocument("key", fmt.Appendf(nil, `{"message_count":2,"recent":[{"at":%d,"events":[%q,%q]}]}`,
		noon.Unix(), digest("a")+eventTime, digest("b")+eventTime))
	if err != nil {
		t.Fatal(err)
	}
	d = reload(t, d)
	for _, id := range []string{"a", "b"} {
		if v := d.apply(at(id, noon), noon); v != duplicate {
			t.Errorf("event %s: verdict %d; want duplicate", id, v)
		}
	}
	if d.forget(noon.Add(3*time.Hour), time.Hour, 100); d.Horizon != noon.UnixMilli() || len(d.Recent) > 0 {
		t.Errorf("after the window the document has %+v and horizon %d; want nothing, and noon", d.Recent, d.Horizon)
	}
}

func TestDocumentForgetsAMinuteWithoutEvents(t *testing.T) {
	t.Parallel()
	const value = `{"message_count":2,"recent":[{"at":1,"events":"x"},{"at":1,"events":""},{"at":1}]}`
	d, err := decodeDocument("key", []byte(value))
	if err != nil {
		t.Fatal(err)
	}
	if d.forget(noon, time.Hour, 100); len(d.Recent) > 0 {
		t.Errorf("the document remembers %+v", d.Recent)
	}
}

// TestStoredDocument holds the example of document's comment.
func TestStoredDocument(t *testing.T) {
	t.Parallel()
	d := document{MessageCount: 5, Horizon: noon.Add(-24 * time.Hour).UnixMilli()}
	d.apply(at("a", noon), noon)
	d.apply(at("b", noon), noon)
	value, err := d.encode()
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"message_count":7,` +
		`"recent":[{"at":1767355200,"events":",ypeBEsobvcr6wjGzmiPcTQmjwtnk00,PiPoFgA5WUoziU9lZOGxNAmjwtnk00"}],` +
		`"horizon":1767268800000}`
	if string(value) != want {
		t.Errorf("the document is stored as\n%s; want\n%s", value, want)
	}
}
