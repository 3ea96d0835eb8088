package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
)

// document is what the state store holds for one user. Count and event ids are
// one value, written with one compare-and-swap: there is no moment at which an
// event is counted and not remembered, or remembered and not counted.
//
//	{
//	  "message_count": 7,
//	  "recent": [{"at": 1767355200, "events": ",ypeBEsobvcr6wjGzmiPcTQmjwtnk00,PiPoFgA5WUoziU9lZOGxNAmjwtnk00"}],
//	  "horizon": 1767268800000
//	}
type document struct {
	MessageCount int64 `json:"message_count"`
	// Recent are the events that have been counted, oldest first.
	Recent []minute `json:"recent,omitempty"`
	// Horizon is the latest event time among the forgotten events, in Unix
	// milliseconds. Whether an event up to it was counted is unknown.
	Horizon int64 `json:"horizon,omitzero"`

	known bool // whether the document is in the store
}

// minute holds the events that were counted within minuteSpan.
type minute struct {
	At     int64   `json:"at"` // when the first of them was counted, in Unix seconds
	Events entries `json:"events"`
}

const minuteSpan = time.Minute

// errCorrupt says that the stored value is not a document. Trying again is no use.
var errCorrupt = errors.New("the stored value is corrupt")

func decodeDocument(key string, value []byte) (document, error) {
	var stored struct {
		document
		MessageCount *int64 `json:"message_count"` // shadows document.MessageCount, so that an absent field is nil
	}
	if err := jsonv2.Unmarshal(value, &stored); err != nil {
		return document{}, fmt.Errorf("decoding the document under key %q: %w: %w", key, errCorrupt, err)
	}
	if stored.MessageCount == nil || *stored.MessageCount < 0 {
		const format = "decoding the document under key %q: %w: it has no message_count of 0 or more"
		return document{}, fmt.Errorf(format, key, errCorrupt)
	}
	d := stored.document
	d.MessageCount = *stored.MessageCount
	d.known = true
	return d, nil
}

func (d document) encode() ([]byte, error) {
	value, err := jsonv2.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encoding the document: %w", err)
	}
	return value, nil
}

// apply changes the document by op, unless it remembers op's ID.
func (d *document) apply(op operation, now time.Time) verdict {
	if op.Change == nil {
		if d.known {
			return duplicate
		}
		d.known = true
		return accepted
	}
	id := digest(op.ID)
	if d.hasSeen(id) {
		return duplicate
	}
	at := op.Time
	switch {
	case at.IsZero():
		at = now
	case d.Horizon != 0 && at.UnixMilli() <= d.Horizon:
		return tooOld
	}
	d.known = true
	d.MessageCount = op.Change(d.MessageCount)
	d.remember(id, at, now)
	return accepted
}

func (d *document) hasSeen(id string) bool {
	return slices.ContainsFunc(d.Recent, func(m minute) bool { return m.Events.has(id) })
}

func (d *document) remember(id string, eventTime, now time.Time) {
	n := len(d.Recent)
	if n == 0 || now.Sub(time.Unix(d.Recent[n-1].At, 0)) >= minuteSpan {
		d.Recent = append(d.Recent, minute{At: now.Unix()})
		n++
	}
	d.Recent[n-1].Events.add(id, eventTime)
}

// forget drops the events that were counted longer than window ago and then, if
// more than limit are left, the oldest of these. It returns how many events were
// dropped only because of limit, and the greatest possible age of the youngest of
// them.
func (d *document) forget(now time.Time, window time.Duration, limit int) (evicted int, age time.Duration) {
	excess := -limit
	for _, m := range d.Recent {
		excess += m.Events.size()
	}
	for len(d.Recent) > 0 {
		first := &d.Recent[0]
		n := first.Events.size()
		if sinceCounted := now.Sub(time.Unix(first.At, 0)); sinceCounted <= window+minuteSpan {
			if excess <= 0 {
				break
			}
			n = min(excess, n)
			evicted += n
			age = sinceCounted
		}
		d.Horizon = max(d.Horizon, first.Events.cut(n))
		excess -= n
		if first.Events.size() == 0 {
			d.Recent = d.Recent[1:]
		}
	}
	return evicted, age
}
