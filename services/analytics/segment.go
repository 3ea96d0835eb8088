package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"daca/services/internal/contract"
	"daca/services/internal/state"
)

// segment names a part of the events that a document remembers. A segment is
// written once, under a name of its own, before the document that names it, and
// never changed. It expires after the document has forgotten it. An event is looked
// for only in the segments whose times include its own, since every copy of an
// event has the same time.
type segment struct {
	Name string `json:"name"`
	From int64  `json:"from"` // the earliest time of an event, in Unix milliseconds
	To   int64  `json:"to"`   // the latest time of an event, in Unix milliseconds
	At   int64  `json:"at"`   // when the last event was counted, in Unix seconds
	Size int    `json:"size"` // how many events it has
}

// storedSegment is the value under contract.SegmentKey:
//
//	{"version": 2, "events": ",ypeBEsobvcr6wjGzmiPcTQmjwtnk00,PiPoFgA5WUoziU9lZOGxNAmjwtnk00"}
type storedSegment struct {
	Version int     `json:"version"`
	Events  entries `json:"events"`
}

// Sizes, in events.
const (
	// recentLimit is how many events a document holds itself. With more, they are
	// sealed. One that gets many events at a time holds some commits of them.
	recentLimit = 128
	// mergeCount is how many segments of a kind become one. A document therefore
	// names few, however much a user sends within the window.
	mergeCount = 16
	smallLimit = mergeCount * recentLimit
	largeLimit = mergeCount * smallLimit // 32,768 events, about 1 MB
)

// expiryMargin is how long a segment stays after its document has forgotten it.
const expiryMargin = time.Hour

// mayHave reports whether the segment may have the operation, which has the time at.
func (s segment) mayHave(op operation, at time.Time) bool {
	return op.Keyed || s.From <= at.UnixMilli() && at.UnixMilli() <= s.To
}

// end is when the last of its events happened and was counted.
func (s segment) end() time.Time {
	return time.UnixMilli(max(s.To, s.At*1000))
}

// sealedSegment is a segment that is to be stored, with its ids.
type sealedSegment struct {
	segment
	state.Put
	ids     *idSet
	mergeOf string // names the segments that it replaces, if it was merged
}

// newSegment returns a segment of the ids, of which the last was counted at a time
// in Unix seconds.
func newSegment(ids *idSet, counted int64, m memory) (*sealedSegment, error) {
	s := segment{Name: rand.Text(), At: counted}
	ids.text.each(func(_ []byte, at int64) {
		if s.Size == 0 || at < s.From {
			s.From = at
		}
		s.To = max(s.To, at)
		s.Size++
	})
	value, err := jsonv2.Marshal(storedSegment{Version: documentVersion, Events: ids.text})
	if err != nil {
		return nil, fmt.Errorf("encoding a segment: %w", err)
	}
	return &sealedSegment{segment: s, ids: ids, Put: state.Put{
		Key:   contract.SegmentKey(s.Name),
		Value: value,
		TTL:   s.end().Add(m.window + expiryMargin).Sub(m.now),
	}}, nil
}

func decodeSegment(value []byte) (*idSet, error) {
	var stored storedSegment
	if err := jsonv2.Unmarshal(value, &stored); err != nil {
		return nil, fmt.Errorf("decoding a segment: %w", err)
	}
	if len(stored.Events) == 0 {
		return nil, errors.New("decoding a segment: it has no events")
	}
	return &idSet{text: stored.Events}, nil
}

// seal moves the events that the document holds itself into a segment, if there are
// more than the limit. The segment has to be stored before the document is.
func (d *document) seal(limit int, m memory) (*sealedSegment, error) {
	ids := d.set()
	if ids.text.size() <= limit {
		return nil, nil //nolint:nilnil // there is nothing to seal
	}
	s, err := newSegment(ids, m.now.Unix(), m)
	if err != nil {
		return nil, err
	}
	d.sealed = append(d.sealed, s.segment)
	d.spans = nil
	d.ids = nil
	return s, nil
}

// mergeable returns the range of the first segments that should become one, which are
// count of a kind; it is empty if there are none.
func (d *document) mergeable(count int) (from, to int) {
	kind := func(s segment) int {
		switch {
		case s.Size < smallLimit:
			return 0
		case s.Size < largeLimit:
			return 1
		}
		return 2
	}
	for from = 0; from < len(d.sealed); from = to {
		total := 0
		for to = from; to < len(d.sealed) && kind(d.sealed[to]) == kind(d.sealed[from]); to++ {
			total += d.sealed[to].Size
			n := to + 1 - from
			if kind(d.sealed[from]) < 2 && n > 1 && (n >= count || total >= largeLimit) {
				return from, to + 1
			}
		}
	}
	return 0, 0
}

// merge replaces the segments of the range by one, which has to be stored before the
// document is. It does nothing if the range is empty, or ids are lost.
func (d *document) merge(from, to int, m memory) (*sealedSegment, error) {
	all := &idSet{}
	size := 0
	for _, s := range d.sealed[from:to] {
		size += s.Size * entrySize
	}
	all.text = make(entries, 0, size)
	var counted int64
	for _, s := range d.sealed[from:to] {
		ids := m.ids(s)
		if ids == nil {
			return nil, nil //nolint:nilnil // there is nothing to merge
		}
		all.text = append(all.text, ids.text...)
		counted = max(counted, s.At)
	}
	if len(all.text) == 0 {
		return nil, nil //nolint:nilnil // there is nothing to merge
	}
	s, err := newSegment(all, counted, m)
	if err != nil {
		return nil, err
	}
	d.replace(from, to, s.segment)
	return s, nil
}

// replace puts one segment in the place of a range.
func (d *document) replace(from, to int, s segment) {
	d.sealed = append(append(d.sealed[:from:from], s), d.sealed[to:]...)
}
