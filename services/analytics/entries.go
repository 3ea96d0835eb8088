package main

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// entries remembers events: for each a comma, the digest of its id, and its event
// time in Unix milliseconds to base 36. It is one text because reading thousands
// of small ones would take more time than all the rest of counting.
type entries string

const (
	comma     = "," // no digest and no number has it
	digestLen = 22
)

// digest makes an id of any length digestLen characters, 128 bits of SHA-256.
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
		entry, rest := strings.TrimPrefix(string(*e), comma), ""
		if end := strings.Index(entry, comma); end >= 0 {
			entry, rest = entry[:end], entry[end:]
		}
		if ms, err := strconv.ParseInt(entry[min(len(entry), digestLen):], 36, 64); err == nil {
			latest = max(latest, ms)
		}
		*e = entries(rest)
	}
	return latest
}

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
