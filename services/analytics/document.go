package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// document is what the state store holds for one user. Count and event ids are in
// one value, written with one compare-and-swap: there is no moment at which an
// event is counted and not remembered, or remembered and not counted. It holds the
// ids of the newest events itself, and names the segments that hold the older ones:
//
//	{
//	  "version": 2,
//	  "message_count": 1007,
//	  "recent": {
//	    "spans": [{"at": 1767355200, "events": ",ypeBEsobvcr6wjGzmiPcTQmjwtnk00,PiPoFgA5WUoziU9lZOGxNAmjwtnk00"}],
//	    "sealed": [{"name": "4PQ…", "from": 1767351600000, "to": 1767355190000, "at": 1767355190, "size": 250}],
//	    "horizon": 1767268800000
//	  }
//	}
//
// A document without a version is of version 1, which had a list of spans as
// "recent", or of the tutorials, which have only the count. Services that know
// nothing of version 2 take "recent" for damage, and leave the document alone.
type document struct {
	count int64
	// spans are the newest events that have been counted, oldest first.
	spans []span
	// sealed are the segments of older ones, in the order of counting.
	sealed []segment
	// horizon is the latest time among the forgotten events, in Unix milliseconds, or
	// 0. Whether an event up to it was counted is unknown.
	horizon int64
	known   bool // whether the document is in the store
	ids     *idSet
}

// span is a group of events that were counted within spanLength.
type span struct {
	At     int64   `json:"at"` // when the first of them was counted, in Unix seconds
	Events entries `json:"events"`
}

const spanLength = time.Hour

const documentVersion = 2

type storedDocument struct {
	Version      int     `json:"version,omitzero"`
	MessageCount *int64  `json:"message_count"`
	Recent       *recent `json:"recent,omitempty"`
}

type recent struct {
	Spans   []span    `json:"spans,omitempty"`
	Sealed  []segment `json:"sealed,omitempty"`
	Horizon int64     `json:"horizon,omitzero"`
}

// firstDocument is a document of version 1.
type firstDocument struct {
	MessageCount *int64 `json:"message_count"`
	Recent       []span `json:"recent"`
	Horizon      int64  `json:"horizon"`
}

var (
	// errCorrupt says that the stored value is not a document. Trying again is no use.
	errCorrupt = errors.New("the stored value is corrupt")
	// errNewer says that a newer version of this service wrote the document. One that
	// can read it is about to take over.
	errNewer = errors.New("a newer version of the service wrote it")
)

// decodeDocument reads the value that is stored under a key.
func decodeDocument(key string, value []byte) (*document, error) {
	var stored storedDocument
	err := jsonv2.Unmarshal(value, &stored)
	if err != nil || stored.Version != documentVersion {
		stored, err = decodeOlder(value, err)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("decoding the document under key %q: %w", key, err)
	case stored.MessageCount == nil || *stored.MessageCount < 0:
		const format = "decoding the document under key %q: %w: it has no message_count of 0 or more"
		return nil, fmt.Errorf(format, key, errCorrupt)
	}
	d := &document{count: *stored.MessageCount, known: true}
	if r := stored.Recent; r != nil {
		d.spans = r.Spans
		d.sealed = r.Sealed
		d.horizon = r.Horizon
	}
	return d, nil
}

// decodeOlder reads a document of version 1. Of any other version it says why it
// cannot be read, which is cause for version 2.
func decodeOlder(value []byte, cause error) (storedDocument, error) {
	var versioned struct {
		Version jsontext.Value `json:"version"`
	}
	var first firstDocument
	switch err := jsonv2.Unmarshal(value, &versioned); {
	case err != nil:
		return storedDocument{}, fmt.Errorf("%w: %w", errCorrupt, err)
	case string(versioned.Version) == strconv.Itoa(documentVersion):
		return storedDocument{}, fmt.Errorf("%w: %w", errCorrupt, cause)
	case versioned.Version != nil:
		return storedDocument{}, fmt.Errorf("version %s: %w", versioned.Version, errNewer)
	}
	if err := jsonv2.Unmarshal(value, &first); err != nil {
		return storedDocument{}, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	return storedDocument{
		MessageCount: first.MessageCount,
		Recent:       &recent{Spans: first.Recent, Horizon: first.Horizon},
	}, nil
}

func (d *document) encode() ([]byte, error) {
	stored := storedDocument{Version: documentVersion, MessageCount: &d.count}
	if len(d.spans) > 0 || len(d.sealed) > 0 || d.horizon != 0 {
		stored.Recent = &recent{Spans: d.spans, Sealed: d.sealed, Horizon: d.horizon}
	}
	value, err := jsonv2.Marshal(stored)
	if err != nil {
		return nil, fmt.Errorf("encoding the document: %w", err)
	}
	return value, nil
}

// set returns the ids of the spans.
func (d *document) set() *idSet {
	if d.ids == nil {
		d.ids = &idSet{}
		for _, s := range d.spans {
			d.ids.text = append(d.ids.text, s.Events...)
		}
	}
	return d.ids
}
