package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
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
	Horizon int64 `json:"horizon,omitempty"`

	known bool            // the document is in the store
	seen  map[string]bool // the digests in Recent, once needed
}

// batch holds the events that were counted within batchSpan.
type batch struct {
	At int64 `json:"at"` // when the first of them was counted, in Unix seconds
	// Events are the digest of each event's id followed by its event time, in
	// Unix milliseconds to base 36.
	Events []string `json:"events"`
}

const batchSpan = time.Minute

const digestLen = 22

// digest makes an id of any length digestLen characters, 128 bits of SHA-256.
func digest(id string) string {
	sum := sha256.Sum256([]byte(id))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// errCorrupt says that what is stored is no document; trying again is no use.
var errCorrupt = errors.New("the stored value is corrupt")

func decodeDocument(key string, value []byte) (document, error) {
	d := document{MessageCount: -1}
	if err := json.Unmarshal(value, &d); err != nil {
		return document{}, fmt.Errorf("decoding the document under key %q: %w: %w", key, errCorrupt, err)
	}
	if d.MessageCount < 0 {
		return document{}, fmt.Errorf("decoding the document under key %q: %w: it has no message_count of 0 or more", key, errCorrupt)
	}
	d.known = true
	return d, nil
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
	if d.seen == nil {
		d.seen = map[string]bool{}
		for _, b := range d.Recent {
			for _, e := range b.Events {
				d.seen[e[:min(len(e), digestLen)]] = true
			}
		}
	}
	return d.seen[id]
}

func (d *document) remember(id string, eventTime, now time.Time) {
	d.seen[id] = true
	entry := id + strconv.FormatInt(eventTime.UnixMilli(), 36)
	if n := len(d.Recent); n > 0 && now.Sub(time.Unix(d.Recent[n-1].At, 0)) < batchSpan {
		d.Recent[n-1].Events = append(d.Recent[n-1].Events, entry)
		return
	}
	d.Recent = append(d.Recent, batch{At: now.Unix(), Events: []string{entry}})
}

// forget drops the events that were counted longer than window ago and, above
// limit, the oldest. It returns how many only the limit cost, and how long ago
// the youngest of those was counted at the most.
func (d *document) forget(now time.Time, window time.Duration, limit int) (evicted int, age time.Duration) {
	excess := -limit
	for _, b := range d.Recent {
		excess += len(b.Events)
	}
	for len(d.Recent) > 0 {
		first := &d.Recent[0]
		counted := time.Unix(first.At, 0)
		n := len(first.Events)
		if now.Sub(counted) <= window+batchSpan {
			if excess <= 0 {
				break
			}
			n = min(excess, n)
			evicted, age = evicted+n, now.Sub(counted)
		}
		d.raiseHorizon(first.Events[:n])
		excess -= n
		if first.Events = first.Events[n:]; len(first.Events) == 0 {
			d.Recent = d.Recent[1:]
		}
	}
	return evicted, age
}

func (d *document) raiseHorizon(events []string) {
	for _, e := range events {
		if ms, err := strconv.ParseInt(e[min(len(e), digestLen):], 36, 64); err == nil {
			d.Horizon = max(d.Horizon, ms)
		}
	}
}
