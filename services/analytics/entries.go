package main

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
)

// entries are the events that a document remembers: for each a comma, the digest
// of its id in digestLen characters, and its event time in Unix milliseconds to
// base 36:
//
//	",ypeBEsobvcr6wjGzmiPcTQmjwtnk00,PiPoFgA5WUoziU9lZOGxNAmjwtnk00"
//
// They are one string because decoding thousands of small ones would take longer
// than all the rest of counting.
type entries string

const (
	comma     = "," // occurs in no digest and in no number
	digestLen = 22
)

// digest shortens an id of any length to digestLen characters, 128 bits of SHA-256.
func digest(id string) string {
	sum := sha256.Sum256([]byte(id))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

func (e *entries) add(digest string, eventTime time.Time) {
	*e += entries(comma + digest + strconv.FormatInt(eventTime.UnixMilli(), 36))
}

func (e entries) has(digest string) bool { return strings.Contains(string(e), comma+digest) }

func (e entries) size() int { return strings.Count(string(e), comma) }

// cut removes the n oldest events and returns the latest of their times, in Unix
// milliseconds.
func (e *entries) cut(n int) (latest int64) {
	for range n {
		entry := strings.TrimPrefix(string(*e), comma)
		rest := ""
		if end := strings.Index(entry, comma); end >= 0 {
			rest = entry[end:]
			entry = entry[:end]
		}
		if ms, err := strconv.ParseInt(entry[min(len(entry), digestLen):], 36, 64); err == nil {
			latest = max(latest, ms)
		}
		*e = entries(rest)
	}
	return latest
}

// UnmarshalJSON reads a string, or the list of strings that entries used to be.
func (e *entries) UnmarshalJSON(b []byte) error {
	if b[0] != '[' {
		return jsonv2.Unmarshal(b, (*string)(e))
	}
	var list []string
	if err := jsonv2.Unmarshal(b, &list); err != nil {
		return err
	}
	for _, entry := range list {
		*e += entries(comma + entry)
	}
	return nil
}
