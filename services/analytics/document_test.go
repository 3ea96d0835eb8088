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

// remembered is a memory of an hour without segments.
func remembered(now time.Time) memory {
	return memory{now: now, window: time.Hour, ids: func(segment) *idSet { return nil }}
}

// reload encodes the document and decodes it again.
func reload(t *testing.T, d *document) *document {
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
	d := &document{}
	d.apply(at("a", noon), remembered(noon))
	later := noon.Add(time.Hour)
	d = reload(t, d)
	d.apply(at("b", later), remembered(later))
	d.forget(later, time.Hour)
	d = reload(t, d)
	if v := d.apply(at("a", noon), remembered(later)); v != duplicate || d.count != 2 {
		t.Errorf("a copy at the end of the window: verdict %v, count %d; want duplicate, 2", v, d.count)
	}
}

func TestDocumentDoesNotGuessAboutForgottenEvents(t *testing.T) {
	t.Parallel()
	d := &document{}
	d.apply(at("a", noon), remembered(noon))
	later := noon.Add(3 * time.Hour)
	d.apply(at("b", later), remembered(later))
	d.forget(later, time.Hour)
	d = reload(t, d)
	if v := d.apply(at("a", noon), remembered(later)); v != tooOld {
		t.Errorf("a copy of a forgotten event: verdict %v; want too_old", v)
	}
	if v := d.apply(at("c", noon.Add(time.Second)), remembered(later)); v != accepted {
		t.Errorf("an event younger than all that is forgotten: verdict %v; want accepted, however late it comes", v)
	}
	if d.count != 3 {
		t.Errorf("count %d; want 3", d.count)
	}
}

// TestDocumentRemembersALateEvent holds that an event is remembered for the window
// after it was counted, and that others as late as it are counted too.
func TestDocumentRemembersALateEvent(t *testing.T) {
	t.Parallel()
	d := &document{}
	old := noon.Add(-72 * time.Hour)
	d.apply(at("spooled for days", old), remembered(noon))
	d.forget(noon, time.Hour)
	if v := d.apply(at("spooled for days", old), remembered(noon.Add(time.Minute))); v != duplicate {
		t.Errorf("redelivery of an event that came late: verdict %v; want duplicate", v)
	}
	if v := d.apply(at("another", old.Add(-time.Minute)), remembered(noon.Add(time.Minute))); v != accepted {
		t.Errorf("another that was spooled as long: verdict %v; want accepted", v)
	}
}

// TestDocumentKeepsTheHorizonInThePast holds that the clock of one publisher, which
// is ahead, costs the events of the others nothing.
func TestDocumentKeepsTheHorizonInThePast(t *testing.T) {
	t.Parallel()
	d := &document{}
	now := noon
	for i := range 100 {
		now = noon.Add(time.Duration(i) * 5 * time.Minute)
		ahead := at(fmt.Sprint("ahead ", i), now.Add(50*time.Minute))
		right := at(fmt.Sprint("right ", i), now)
		for _, op := range []operation{ahead, right, ahead, right} {
			d.apply(op, remembered(now))
		}
		d.forget(now, time.Hour)
		if horizon := time.UnixMilli(d.horizon); horizon.After(now.Add(-time.Hour)) {
			t.Fatalf("at %s the horizon is %s; want it an hour ago at the latest", now, horizon)
		}
	}
	if d.count != 200 {
		t.Errorf("count %d; want 200", d.count)
	}
	if v := d.apply(at("far ahead", now.Add(2*time.Hour)), remembered(now)); v != tooEarly {
		t.Errorf("an event of a clock that is ahead by more than the window: verdict %v; want too_early", v)
	}
}

func TestDocumentAcceptsARequestDespiteTheHorizon(t *testing.T) {
	t.Parallel()
	d := &document{horizon: noon.Add(time.Hour).UnixMilli()} // by a version that let it run ahead
	if v := d.apply(operation{ID: "a", Change: addOne}, remembered(noon)); v != accepted || d.count != 1 {
		t.Errorf("verdict %v, count %d; want accepted, 1", v, d.count)
	}
}

func TestDocumentTellsReusedKeysApart(t *testing.T) {
	t.Parallel()
	d := &document{}
	set := func(n int64, key string) operation { return request("initialize", key, fmt.Sprint(n), setTo(n)) }
	for i, step := range []struct {
		op   operation
		want verdict
	}{
		{set(5, "k"), accepted}, {set(5, "k"), duplicate}, {set(6, "k"), reused},
		{set(6, "l"), accepted}, {set(7, ""), accepted}, {set(7, ""), accepted},
	} {
		if v := d.apply(step.op, remembered(noon)); v != step.want {
			t.Errorf("request %d: verdict %v; want %v", i, v, step.want)
		}
	}
}

func TestDocumentDoesNotCountBeyondItsLimit(t *testing.T) {
	t.Parallel()
	d := &document{count: maxCount}
	if v := d.apply(at("a", noon), remembered(noon)); v != full || d.count != maxCount {
		t.Errorf("verdict %v, count %d; want full, and the count as it was", v, d.count)
	}
}

func TestDecodeDocumentRefusesOtherJSON(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		``, `null`, `{}`, `{"foo":1}`, `[]`,
		`{"message_count":-4}`, `{"message_count":"5"}`, `{"message_count":4.5}`, `{"message_count":null}`,
		`{"message_count":1,"recent":[{"at":1,"events":1}]}`, `{"message_count":1,"recent":[{"at":1,"events":[1]}]}`,
		`{"version":2,"message_count":1,"recent":[]}`, `{"version":2,"message_count":1,"recent":{"sealed":"x"}}`,
		`{"version":2}`,
	} {
		if d, err := decodeDocument("key", []byte(value)); !errors.Is(err, errCorrupt) {
			t.Errorf("%s is read as %+v, %v; want errCorrupt", value, d, err)
		}
	}
}

func TestDecodeDocumentOfANewerVersion(t *testing.T) {
	t.Parallel()
	for _, value := range []string{`{"version":3,"message_count":1}`, `{"version":"4","total":[]}`} {
		if d, err := decodeDocument("key", []byte(value)); !errors.Is(err, errNewer) || errors.Is(err, errCorrupt) {
			t.Errorf("%s is read as %+v, %v; want errNewer", value, d, err)
		}
	}
}

// TestDecodeDocumentOfOlderVersions reads documents of version 1, and of the time
// before it, which had a list of strings where they have one string now.
func TestDecodeDocumentOfOlderVersions(t *testing.T) {
	t.Parallel()
	eventTime := strconv.FormatInt(noon.UnixMilli(), 36)
	first := digest("a") + eventTime
	second := digest("b") + eventTime
	for _, events := range []string{
		fmt.Sprintf(`[%q,%q]`, first, second), strconv.Quote("," + first + "," + second),
	} {
		d, err := decodeDocument("key", fmt.Appendf(nil,
			`{"message_count":2,"recent":[{"at":%d,"events":%s},{"at":%d,"events":""}],"horizon":7}`,
			noon.Unix(), events, noon.Unix()))
		if err != nil {
			t.Fatal(err)
		}
		d = reload(t, d)
		for _, id := range []string{"a", "b"} {
			if v := d.apply(at(id, noon), remembered(noon)); v != duplicate {
				t.Errorf("event %s: verdict %v; want duplicate", id, v)
			}
		}
		if v := d.apply(at("c", time.UnixMilli(7)), remembered(noon)); v != tooOld {
			t.Errorf("an event at the horizon: verdict %v; want too_old", v)
		}
		if d.forget(noon.Add(3*time.Hour), time.Hour); d.horizon != noon.UnixMilli() || len(d.spans) > 0 {
			t.Errorf("after the window the document has %+v and horizon %d; want nothing, and noon", d.spans, d.horizon)
		}
	}
}

func TestDocumentSurvivesDamagedEntries(t *testing.T) {
	t.Parallel()
	const value = `{"message_count":2,"recent":[{"at":1,"events":"x"},{"at":1,"events":",,"},{"at":1}]}`
	d, err := decodeDocument("key", []byte(value))
	if err != nil {
		t.Fatal(err)
	}
	if d.forget(noon, time.Hour); len(d.spans) > 0 {
		t.Errorf("the document remembers %+v", d.spans)
	}
}

// TestStoredDocument holds the example of document's comment.
func TestStoredDocument(t *testing.T) {
	t.Parallel()
	d := &document{count: 1005, horizon: noon.Add(-24 * time.Hour).UnixMilli()}
	d.sealed = []segment{{
		Name: "4PQ", From: noon.Add(-time.Hour).UnixMilli(), To: noon.Add(-10 * time.Second).UnixMilli(),
		At: noon.Add(-10 * time.Second).Unix(), Size: 250,
	}}
	d.apply(at("a", noon), remembered(noon))
	d.apply(at("b", noon), remembered(noon))
	value, err := d.encode()
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"version":2,"message_count":1007,"recent":{` +
		`"spans":[{"at":1767355200,"events":",ypeBEsobvcr6wjGzmiPcTQmjwtnk00,PiPoFgA5WUoziU9lZOGxNAmjwtnk00"}],` +
		`"sealed":[{"name":"4PQ","from":1767351600000,"to":1767355190000,"at":1767355190,"size":250}],` +
		`"horizon":1767268800000}}`
	if string(value) != want {
		t.Errorf("the document is stored as\n%s; want\n%s", value, want)
	}
}
