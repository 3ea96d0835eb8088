package main

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
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
	At int64 `json:"at"` // when the first of them was counted, in Unix seconds
	// Events has for each event a comma, the digest of its id, and its event time
	// in Unix milliseconds to base 36. It is one text because reading thousands of
	// small ones would take more time than all the rest of counting.
	Events entries `json:"events"`
}

// entries is the text that batch has of its events.
type entries string

// UnmarshalJSON reads the text, and the list of texts that it used to be.
func (e *entries) UnmarshalJSON(b []byte) error {
	if b[0] != '[' {
		return json.Unmarshal(b, (*string)(e))
	}
	var list []string
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	for _, entry := range list {
		*e += entries(comma + entry)
	}
	return nil
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
	var stored struct {
		MessageCount *int64  `json:"message_count"`
		Recent       []batch `json:"recent"`
		Horizon      int64   `json:"horizon"`
	}
	if err := json.Unmarshal(value, &stored); err != nil {
		return document{}, fmt.Errorf("decoding the document under key %q: %w: %w", key, errCorrupt, err)
	}
	if stored.MessageCount == nil || *stored.MessageCount < 0 {
		return document{}, fmt.Errorf("decoding the document under key %q: %w: it has no message_count of 0 or more", key, errCorrupt)
	}
	return document{MessageCount: *stored.MessageCount, Recent: stored.Recent, Horizon: stored.Horizon, known: true}, nil
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

const comma = "," // no digest and no number has it

func (d *document) hasSeen(id string) bool {
	return slices.ContainsFunc(d.Recent, func(b batch) bool { return strings.Contains(string(b.Events), comma+id) })
}

func (d *document) remember(id string, eventTime, now time.Time) {
	entry := comma + id + strconv.FormatInt(eventTime.UnixMilli(), 36)
	if n := len(d.Recent); n > 0 && now.Sub(time.Unix(d.Recent[n-1].At, 0)) < batchSpan {
		d.Recent[n-1].Events += entries(entry)
		return
	}
	d.Recent = append(d.Recent, batch{At: now.Unix(), Events: entries(entry)})
}

func (b *batch) size() int { return strings.Count(string(b.Events), comma) }

// cut removes the n oldest events and returns the latest of their times, in Unix
// milliseconds.
func (b *batch) cut(n int) (latest int64) {
	for range n {
		entry, rest := strings.TrimPrefix(string(b.Events), comma), ""
		if end := strings.Index(entry, comma); end >= 0 {
			entry, rest = entry[:end], entry[end:]
		}
		if ms, err := strconv.ParseInt(entry[min(len(entry), digestLen):], 36, 64); err == nil {
			latest = max(latest, ms)
		}
		b.Events = entries(rest)
	}
	return latest
}

// forget drops the events that were counted longer than window ago and, above
// limit, the oldest. It returns how many only the limit cost, and how long ago
// the youngest of those was counted at the most.
func (d *document) forget(now time.Time, window time.Duration, limit int) (evicted int, age time.Duration) {
	excess := -limit
	for _, b := range d.Recent {
		excess += b.size()
	}
	for len(d.Recent) > 0 {
		first := &d.Recent[0]
		counted := time.Unix(first.At, 0)
		n := first.size()
		if now.Sub(counted) <= window+batchSpan {
			if excess <= 0 {
				break
			}
			n = min(excess, n)
			evicted, age = evicted+n, now.Sub(counted)
		}
		d.Horizon = max(d.Horizon, first.cut(n))
		excess -= n
		if first.size() == 0 {
			d.Recent = d.Recent[1:]
		}
	}
	return evicted, age
}
