package session

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"
)

func at(minute int) time.Time {
	return time.UnixMilli(1_700_000_000_000).UTC().Add(time.Duration(minute) * time.Minute)
}

func entryOf(id string, revision, minute int) entry {
	return entry{Revision: revision, Summary: Summary{ID: id, Created: at(0), Updated: at(minute), TurnCount: revision}}
}

// TestEntriesThatComeLate holds that the list has what the newest document says, in
// whichever order its writers come.
func TestEntriesThatComeLate(t *testing.T) {
	t.Parallel()
	var i index
	for _, e := range []entry{entryOf("s", 2, 5), entryOf("t", 1, 7), entryOf("s", 3, 9), entryOf("s", 1, 1)} {
		i.put(e)
	}
	if want := []entry{entryOf("s", 3, 9), entryOf("t", 1, 7)}; !slices.Equal(i.Sessions, want) {
		t.Errorf("the list is %+v; want %+v", i.Sessions, want)
	}
	anew := entryOf("s", 1, 10)
	anew.Created = at(10)
	if !i.put(anew) || i.put(entryOf("s", 4, 11)) {
		t.Error("a session that began anew has the entry of the one before")
	}
}

// TestASessionThatIsDeletedStaysDeleted has a writer come late, and the session begin anew.
func TestASessionThatIsDeletedStaysDeleted(t *testing.T) {
	t.Parallel()
	var i index
	shown := func() int {
		page, _ := i.page(entry{}, maxListed, at(0))
		return len(page)
	}
	i.put(entryOf("s", 2, 1))
	if !i.remove("s", 4, at(2)) || i.remove("s", 4, at(2)) || i.put(entryOf("s", 3, 3)) || shown() != 0 {
		t.Errorf("the list is %+v", i.Sessions)
	}
	if !i.put(entryOf("s", 5, 4)) || shown() != 1 {
		t.Errorf("a session that begins anew is not in the list %+v", i.Sessions)
	}
	i.remove("s", 6, at(5))
	i.remove("t", 1, at(5).Add(2*late))
	if len(i.Sessions) != 0 {
		t.Errorf("the list keeps %+v", i.Sessions)
	}
}

func TestTheListIsLimited(t *testing.T) {
	t.Parallel()
	var i index
	for n := range maxListed + 50 {
		i.put(entryOf(strconv.Itoa(n), 1, n))
	}
	if len(i.Sessions) != maxListed || i.Sessions[0].ID != strconv.Itoa(maxListed+49) || i.put(entryOf("old", 1, 3)) {
		t.Errorf("%d sessions, the newest is %s", len(i.Sessions), i.Sessions[0].ID)
	}
	if !i.put(entryOf("old", 1, 1000)) || i.Sessions[0].ID != "old" || len(i.Sessions) != maxListed {
		t.Error("a new turn does not bring a session back into the list")
	}
}

// TestPages holds that pages of every size show each session once, some of the same time.
func TestPages(t *testing.T) {
	t.Parallel()
	var i index
	for n := range 20 {
		i.put(entryOf(fmt.Sprintf("a b/%d", n), 1, n/3))
	}
	for limit := 1; limit < 25; limit++ {
		var ids []string
		for after := (entry{}); ; {
			page, next := i.page(after, limit, at(0))
			for _, s := range page {
				ids = append(ids, s.ID)
			}
			if next == "" {
				break
			}
			var err error
			if after, err = parseCursor(next); err != nil || len(page) != limit {
				t.Fatalf("a page of %d, cursor %q: %v", len(page), next, err)
			}
		}
		seen := slices.Compact(slices.Sorted(slices.Values(ids)))
		if len(ids) != 20 || len(seen) != 20 {
			t.Errorf("pages of %d have %d sessions, %d different ones", limit, len(ids), len(seen))
		}
	}
	for _, bad := range []string{"?", "bm9uc2Vuc2U", "MjAyNg", "IA"} {
		if _, err := parseCursor(bad); !errors.Is(err, ErrCursor) {
			t.Errorf("cursor %q: %v", bad, err)
		}
	}
}
