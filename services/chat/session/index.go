package session

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxListed limits the list of a user's sessions. Older ones leave it, and live on until
// their time is over.
const maxListed = 200

// Summary is what the list of sessions shows of one.
type Summary struct {
	ID        string    `json:"session_id"`
	Title     string    `json:"title" doc:"The beginning of the first message, unless somebody has changed it."`
	Created   time.Time `json:"created"`
	Updated   time.Time `json:"updated" doc:"When the last turn was added."`
	TurnCount int       `json:"turn_count" doc:"Those that are gone because the session became too large included."`
}

// index is a list of a user's sessions as it is stored, newest first. There are two of them,
// see lists:
//
//	{"version": 1, "sessions": [{
//	  "revision": 2, "session_id": "s-1", "title": "What time is it?",
//	  "created": "2026-01-02T12:00:00Z", "updated": "2026-01-02T12:00:05Z", "turn_count": 2
//	}, …]}
type index struct {
	Version  int     `json:"version"`
	Sessions []entry `json:"sessions"`
}

type entry struct {
	Revision int `json:"revision"` // of the document
	// Deleted is when the session was deleted. The entry is not shown, and stays for a
	// while, so that nobody who comes late puts the session back.
	Deleted time.Time `json:"deleted,omitzero"`
	Summary
}

// late is longer than any writer takes to come.
const late = time.Hour

func decodeIndex(value []byte) (i index, err error) {
	if len(value) == 0 {
		return index{Version: version}, nil
	}
	if err := jsonv2.Unmarshal(value, &i); err != nil {
		return index{}, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	if i.Version != version {
		return index{}, fmt.Errorf("%w: it has version %d", ErrUnreadable, i.Version)
	}
	return i, nil
}

func encodeIndex(i *index) ([]byte, error) {
	value, err := jsonv2.Marshal(i, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return nil, fmt.Errorf("encoding a list of sessions: %w", err)
	}
	return value, nil
}

// put adds the entry, or replaces an older one of the session. Writers may come in another
// order than that in which they wrote the session.
func (i *index) put(e entry) bool {
	at := slices.IndexFunc(i.Sessions, func(other entry) bool { return other.ID == e.ID })
	if at >= 0 {
		if !e.newerThan(i.Sessions[at]) {
			return false
		}
		i.Sessions = slices.Delete(i.Sessions, at, at+1)
	}
	at, _ = slices.BinarySearchFunc(i.Sessions, e, compare)
	if at == maxListed {
		return false
	}
	i.Sessions = slices.Insert(i.Sessions, at, e)
	i.Sessions = i.Sessions[:min(len(i.Sessions), maxListed)]
	return true
}

// add puts all entries of another list into this one.
func (i *index) add(others *index) (changed bool) {
	for _, e := range others.Sessions {
		changed = i.put(e) || changed
	}
	return changed
}

// drop takes out the entries that the other list has too, and reports whether there are any.
// Those that have changed since stay.
func (i *index) drop(others *index) bool {
	before := len(i.Sessions)
	i.Sessions = slices.DeleteFunc(i.Sessions, func(e entry) bool {
		return slices.ContainsFunc(others.Sessions, func(other entry) bool {
			return e.ID == other.ID && !e.newerThan(other)
		})
	})
	return len(i.Sessions) < before
}

// newerThan reports whether the entry was made of a newer document. One that was deleted
// and began anew counts its revisions from the start.
func (e entry) newerThan(other entry) bool {
	if order := e.Created.Compare(other.Created); order != 0 {
		return order > 0
	}
	if e.Revision != other.Revision {
		return e.Revision > other.Revision
	}
	return !e.Deleted.IsZero() && other.Deleted.IsZero()
}

// remove takes the session, whose document has the revision now, out of the list, and
// reports whether it was there.
func (i *index) remove(id string, revision int, now time.Time) bool {
	i.Sessions = slices.DeleteFunc(i.Sessions, func(e entry) bool {
		return !e.Deleted.IsZero() && now.Sub(e.Deleted) > late
	})
	at := slices.IndexFunc(i.Sessions, func(e entry) bool { return e.ID == id })
	if at < 0 || !i.Sessions[at].Deleted.IsZero() {
		return false
	}
	e := &i.Sessions[at]
	e.Revision = max(e.Revision, revision)
	e.Deleted = now.UTC()
	e.Title = ""
	return true
}

// compare sorts the newest entry first.
func compare(a, b entry) int {
	return cmp.Or(b.Updated.Compare(a.Updated), strings.Compare(a.ID, b.ID))
}

// page returns the sessions after the last one of the page before, and the cursor of the
// next page. Sessions without a turn since the time are forgotten by the store already.
func (i *index) page(after entry, limit int, since time.Time) (page []Summary, next string) {
	page = []Summary{}
	for _, e := range i.Sessions {
		if after.ID != "" && compare(e, after) <= 0 || !e.Deleted.IsZero() || e.Updated.Before(since) {
			continue
		}
		if len(page) == limit {
			return page, cursor(page[limit-1])
		}
		page = append(page, e.Summary)
	}
	return page, ""
}

// ErrCursor is the error for a cursor that List has not returned.
var ErrCursor = errors.New("not a cursor of this list")

// cursor says where a page ends. Clients do not look into it.
func cursor(last Summary) string {
	return base64.RawURLEncoding.EncodeToString([]byte(last.Updated.UTC().Format(time.RFC3339Nano) + " " + last.ID))
}

// parseCursor returns an entry with the time and the id, or an empty one.
func parseCursor(cursor string) (entry, error) {
	if cursor == "" {
		return entry{}, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return entry{}, ErrCursor
	}
	at, id, found := strings.Cut(string(text), " ")
	updated, err := time.Parse(time.RFC3339Nano, at)
	if err != nil || !found || id == "" {
		return entry{}, ErrCursor
	}
	return entry{Summary: Summary{ID: id, Updated: updated}}, nil
}
