package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"strconv"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// entries are events that are remembered: for each a comma, the digest of its id in
// digestLen characters, and its time in Unix milliseconds to base 36. In JSON they
// are one string, because decoding thousands of small ones would take longer than
// all the rest of counting:
//
//	",ypeBEsobvcr6wjGzmiPcTQmjwtnk00,PiPoFgA5WUoziU9lZOGxNAmjwtnk00"
type entries []byte

const (
	comma     = ',' // occurs in no digest and in no number
	digestLen = 22
	entrySize = 1 + digestLen + 8 // bytes of an entry, with a time of this century
)

// digest shortens an id of any length to digestLen characters, 128 bits of SHA-256.
func digest(id string) string {
	sum := sha256.Sum256([]byte(id))
	var text [digestLen]byte
	base64.RawURLEncoding.Encode(text[:], sum[:16])
	return string(text[:])
}

func (e *entries) add(digest string, at int64) {
	*e = append(*e, comma)
	*e = append(*e, digest...)
	*e = strconv.AppendInt(*e, at, 36)
}

func (e entries) size() int { return bytes.Count(e, []byte{comma}) }

// each calls visit with the digest and the time of each event, in the order in which
// they were added. An entry that was damaged has the time 0.
func (e entries) each(visit func(digest []byte, at int64)) {
	for len(e) > 0 {
		entry := e[1:]
		end := bytes.IndexByte(entry, comma)
		if end < 0 {
			end = len(entry)
		}
		length := min(digestLen, end)
		at, err := strconv.ParseInt(string(entry[length:end]), 36, 64)
		if err != nil {
			at = 0
		}
		visit(entry[:length], at)
		e = entry[end:]
	}
}

// MarshalJSONTo writes the one string.
func (e entries) MarshalJSONTo(enc *jsontext.Encoder) error {
	quoted, _ := jsontext.AppendQuote(make([]byte, 0, len(e)+2), e) // fails only for invalid UTF-8, which it replaces
	return enc.WriteValue(quoted)
}

// UnmarshalJSONFrom reads a string, or the list of strings that entries once were.
func (e *entries) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*e = nil
	if dec.PeekKind() != '[' {
		var text string
		if err := jsonv2.UnmarshalDecode(dec, &text); err != nil {
			return err
		}
		if text != "" && text[0] != comma {
			text = string(comma) + text
		}
		*e = entries(text)
		return nil
	}
	var list []string
	if err := jsonv2.UnmarshalDecode(dec, &list); err != nil {
		return err
	}
	for _, entry := range list {
		*e = append(append(*e, comma), entry...)
	}
	return nil
}

// idSet answers whether entries have a digest. It indexes them when it is asked often.
type idSet struct {
	text  entries
	index map[string]struct{}
	asked int
}

// scans is how often an idSet looks through its text before it makes an index.
const scans = 4

func (s *idSet) has(digest string) bool {
	if s.index == nil {
		if s.asked++; s.asked <= scans {
			return bytes.Contains(s.text, []byte(digest))
		}
		s.index = make(map[string]struct{}, s.text.size())
		s.text.each(func(known []byte, _ int64) { s.index[string(known)] = struct{}{} })
	}
	_, ok := s.index[digest]
	return ok
}

func (s *idSet) add(digest string, at int64) {
	s.text.add(digest, at)
	if s.index != nil {
		s.index[digest] = struct{}{}
	}
}

// size is about how many bytes of memory the set takes.
func (s *idSet) size() int { return len(s.text) + 64*len(s.index) }
