package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
)

// document is what the state store holds for one user. Count and event ids are
// one value, written with one compare-and-swap: there is no moment at which an
// event is counted and not remembered, or remembered and not counted.
type document struct {
	MessageCount int64 `json:"message_count"`
	// Recent are the events that have been counted, oldest first.
	Recent []batch `json:"recent,omitempty"`
	// Horizon is the latest event time among those forgotten, in Unix
	// milliseconds. Whether an event up to it was counted cannot be told.
	Horizon int64 `json:"horizon,omitzero"`

	known bool // the document is in the store
}

// batch holds the events that were counted within batchSpan.
type batch struct {
	At     int64   `json:"at"` // when the first of them was counted, in Unix seconds
	Events entries `json:"events"`
}

const batchSpan = time.Minute

// errCorrupt says that what is stored is no document; trying again is no use.
var errCorrupt = errors.New("the stored value is corrupt")

func decodeDocument(key string, value []byte) (document, error) {
	var stored struct {
		document
		MessageCount *int64 `json:"message_count"` // of both, the one that is read
	}
	if err := json.Unmarshal(value, &stored); err != nil {
		return document{}, fmt.Errorf("decoding the document under key %q: %w: %w", key, errCorrupt, err)
	}
	if stored.MessageCount == nil || *stored.MessageCount < 0 {
		return document{}, fmt.Errorf("decoding the document under key %q: %w: it has no message_count of 0 or more", key, errCorrupt)
	}
	d := stored.document
	d.MessageCount, d.known = *stored.MessageCount, true
	return d, nil
}

func (d document) encode() ([]byte, error) {
	value, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encoding the document: %w", err)
	}
	return value, nil
}

// verdict is what became of an operation.
type verdict int

const (
	accepted  verdict = iota // it was applied
	duplicate                // it had been applied before
	tooOld                   // whether it had been applied before cannot be told
)

// operation is one change of one user's document. The same ID changes the
// document once, however often the operation is applied. Without a Change the
// operation only makes the user known.
type operation struct {
	ID     string
	Time   time.Time // of an event; zero for what was asked for just now
	Change func(count int64) int64
}

func addOne(count int64) int64 { return count + 1 }

func setTo(n int64) func(int64) int64 { return func(int64) int64 { return n } }

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
	d.known, d.MessageCount = true, op.Change(d.MessageCount)
	d.remember(id, at, now)
	return accepted
}

func (d *document) hasSeen(id string) bool {
	return slices.ContainsFunc(d.Recent, func(b batch) bool { return b.Events.has(id) })
}

func (d *document) remember(id string, eventTime, now time.Time) {
	n := len(d.Recent)
	if n == 0 || now.Sub(time.Unix(d.Recent[n-1].At, 0)) >= batchSpan {
		d.Recent = append(d.Recent, batch{At: now.Unix()})
		n++
	}
	d.Recent[n-1].Events.add(id, eventTime)
}

// forget drops the events that were counted longer than window ago and, above
// limit, the oldest. It returns how many only the limit cost, and how long ago
// the youngest of those was counted at the most.
func (d *document) forget(now time.Time, window time.Duration, limit int) (evicted int, age time.Duration) {
	excess := -limit
	for _, b := range d.Recent {
		excess += b.Events.size()
	}
	for len(d.Recent) > 0 {
		first := &d.Recent[0]
		counted := time.Unix(first.At, 0)
		n := first.Events.size()
		if now.Sub(counted) <= window+batchSpan {
			if excess <= 0 {
				break
			}
			n = min(excess, n)
			evicted, age = evicted+n, now.Sub(counted)
		}
		d.Horizon = max(d.Horizon, first.Events.cut(n))
		excess -= n
		if first.Events.size() == 0 {
			d.Recent = d.Recent[1:]
		}
	}
	return evicted, age
}
