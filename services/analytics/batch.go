package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// entry is one event of a delivery, and what becomes of it.
type entry struct {
	id      string
	payload []byte // as it was published
	status  string
	reason  string // why the event can never be handled, or has to be delivered again
}

// readBatch reads the entries of a bulk delivery, see
// https://docs.dapr.io/reference/api/pubsub_api/, "bulk":
//
//	{
//	  "entries": [{"entryId": "5b2a…", "event": "eyJzcGVjdmVyc2lvbiI6…", "contentType": "application/octet-stream"}],
//	  "id": "…", "pubsubname": "pubsub", "topic": "messages", "type": "com.dapr.event.sent.bulk"
//	}
//
// The subscriptions deliver raw payloads, so an event is its bytes in base64: the
// sidecar does not look into it. An event that is JSON is taken too.
//
// After an error the entries before it are returned as well. The payloads are
// in the arena, which has to stay as it is while they are used.
func readBatch(r io.Reader, arena *[]byte) ([]entry, error) {
	dec := jsontext.NewDecoder(r, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	var entries []entry
	err := readMembers(dec, func(name string) error {
		if name != "entries" || dec.PeekKind() != '[' {
			return dec.SkipValue()
		}
		if _, err := dec.ReadToken(); err != nil {
			return err
		}
		for dec.PeekKind() != ']' && len(entries) < maxEntries {
			e, err := readEntry(dec, arena)
			if err != nil {
				return err
			}
			entries = append(entries, e)
		}
		if len(entries) == maxEntries {
			return errors.New("it has too many entries")
		}
		_, err := dec.ReadToken()
		return err
	})
	if err != nil {
		return entries, fmt.Errorf("reading a bulk delivery: %w", err)
	}
	return entries, nil
}

func readEntry(dec *jsontext.Decoder, arena *[]byte) (entry, error) {
	if dec.PeekKind() != '{' { // not from a sidecar; without an id it gets no answer
		return entry{}, dec.SkipValue()
	}
	var e entry
	err := readMembers(dec, func(name string) error {
		switch {
		case name == "entryId" && dec.PeekKind() == '"':
			token, err := dec.ReadToken()
			e.id = token.String()
			return err
		case name == "event":
			value, err := dec.ReadValue()
			e.payload = unpack(value, arena)
			return err
		}
		return dec.SkipValue()
	})
	return e, err
}

// readMembers reads an object, and calls read to read the value of each member.
func readMembers(dec *jsontext.Decoder, read func(name string) error) error {
	if kind := dec.PeekKind(); kind != '{' {
		if _, err := dec.ReadToken(); err != nil {
			return err
		}
		return errors.New("it is not an object")
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		if err := read(name.String()); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// unpack returns the bytes of an event in base64, or the event itself if it is
// something else. The result is in the arena.
func unpack(value jsontext.Value, arena *[]byte) []byte {
	begin := len(*arena)
	if text := bytes.Trim(value, `"`); value.Kind() == '"' {
		decoded, err := base64.StdEncoding.AppendDecode(*arena, text)
		if err == nil {
			*arena = decoded
			return decoded[begin:len(decoded):len(decoded)]
		}
	}
	*arena = append(*arena, value...)
	return (*arena)[begin:len(*arena):len(*arena)]
}

// startsBatch reports whether the body begins as the sidecar's bulk deliveries do,
// without reading from it.
func startsBatch(body *bufio.Reader) bool {
	const look = 64
	head, _ := body.Peek(look) // the body may be shorter
	rest, ok := bytes.CutPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte("{"))
	return ok && bytes.HasPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte(`"entries"`))
}

// single is what tells one body from another that is not a batch.
type single struct {
	Entries     jsontext.Value `json:"entries"`
	SpecVersion jsontext.Value `json:"specversion"`
	PubsubName  jsontext.Value `json:"pubsubname"`
	DataBase64  jsontext.Value `json:"data_base64"`
}

// look reads the members of single. Other bodies have none of them.
func look(body []byte) single {
	var s single
	_ = jsonv2.Unmarshal(body, &s, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	return s
}

func (s single) isBatch() bool { return s.Entries.Kind() == '[' && s.PubsubName != nil }

// fromSidecar reports whether a sidecar delivered the event, by what it adds.
func (s single) fromSidecar() bool { return s.SpecVersion != nil && s.PubsubName != nil }

// answerBatch returns the answer to a bulk delivery:
//
//	{"statuses": [{"entryId": "5b2a…", "status": "SUCCESS"}]}
//
// The sidecar delivers an entry again whose status is RETRY, or missing.
func answerBatch(entries []entry) []byte {
	const perEntry = 80
	answer := make([]byte, 0, perEntry*len(entries)+perEntry)
	answer = append(answer, `{"statuses":[`...)
	for i, e := range entries {
		if i > 0 {
			answer = append(answer, ',')
		}
		answer = append(answer, `{"entryId":`...)
		answer, _ = jsontext.AppendQuote(answer, e.id) // fails only for invalid UTF-8, which it replaces
		answer = append(answer, `,"status":"`...)
		answer = append(answer, e.status...)
		answer = append(answer, `"}`...)
	}
	return append(answer, `]}`...)
}
