package session

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"daca/services/internal/contract"
	"daca/services/internal/state/statetest"
)

// TestTheListInTwoParts has two replicas begin more sessions than the recent ones may be, and
// go on with older ones. Each of them lists all, newest first, and the recent ones are few.
func TestTheListInTwoParts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &statetest.Store{}
		replicas := []*Sessions{testSessions(t, store, testConfig()), testSessions(t, store, testConfig())}
		var want []string
		for i := range 4 * maxRecent {
			id := fmt.Sprint("s", i%(3*maxRecent))
			say(t, replicas[i%2], alice, id, fmt.Sprint(i))
			replicas[i%2].Close()
			<-time.After(time.Millisecond)
			want = slices.DeleteFunc(want, func(other string) bool { return other == id })
			want = slices.Insert(want, 0, id)
		}
		for _, s := range replicas {
			page, _, err := s.List(t.Context(), alice, maxListed, "")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, one := range page {
				got = append(got, one.ID)
				if turns := len(texts(t, s, alice, one.ID)); one.TurnCount != turns {
					t.Errorf("the list says %d turns of session %s; it has %d", one.TurnCount, one.ID, turns)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("the list is %v; want %v", got, want)
			}
			_, recent, err := s.lists.recent.read(t.Context(), contract.RecentSessionsKey(alice))
			if err != nil || len(recent.Sessions) > maxRecent {
				t.Errorf("there are %d recent sessions, %v; want at most %d", len(recent.Sessions), err, maxRecent)
			}
		}
	})
}

// TestAMergeThatIsCutOff fails one of its two writes. Nothing is listed twice, or not at all.
func TestAMergeThatIsCutOff(t *testing.T) {
	t.Parallel()
	for part, key := range map[string]string{
		"whole": contract.SessionsKey(alice), "recent": contract.RecentSessionsKey(alice),
	} {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var failing atomic.Bool
				store := &statetest.Store{Fail: func(call string, keys ...string) statetest.Fault {
					if failing.Load() && call == "put" && keys[0] == key {
						return statetest.Before
					}
					return statetest.None
				}}
				s := testSessions(t, store, testConfig())
				for i := range maxRecent + 1 {
					say(t, s, alice, fmt.Sprint("s", i), "1")
					s.Close()
					failing.Store(i == maxRecent-1)
				}
				if got := listed(t, s, alice); len(got) < maxRecent {
					t.Errorf("%d sessions are listed while it fails", len(got))
				}
				failing.Store(false)
				say(t, s, alice, fmt.Sprint("s", maxRecent), "2")
				s.Close()
				got := listed(t, s, alice)
				if len(got) != maxRecent+1 || len(slices.Compact(slices.Sorted(slices.Values(got)))) != len(got) {
					t.Errorf("the list is %v", got)
				}
			})
		})
	}
}

// TestDeletingFromBothParts deletes a session while a merge that has read it before is under
// way. Its title is gone from both parts then.
func TestDeletingFromBothParts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &statetest.Store{}
		s := testSessions(t, store, testConfig())
		for _, id := range []string{"whole", "both", "recent"} {
			say(t, s, alice, id, "secret")
		}
		s.Close()
		recent, err := s.lists.read(t.Context(), alice)
		if err != nil {
			t.Fatal(err)
		}
		before := index{Sessions: recent.Sessions[1:]}
		none := func(*index) bool { return false }
		if err := s.lists.merge(t.Context(), alice, &before, none); err != nil {
			t.Fatal(err)
		}
		say(t, s, alice, "both", "secret, too")
		s.Close()
		for _, id := range []string{"whole", "both", "recent"} {
			if err := s.Delete(t.Context(), alice, id); err != nil {
				t.Errorf("deleting %s: %v", id, err)
			}
		}
		if err := s.lists.merge(t.Context(), alice, &recent, none); err != nil { // the late one
			t.Fatal(err)
		}
		if got := listed(t, s, alice); len(got) != 0 {
			t.Errorf("the list is %v", got)
		}
		for _, key := range store.Keys() {
			if value := string(store.Value(key)); strings.Contains(value, "secret") {
				t.Errorf("%s is %s", key, value)
			}
		}
	})
}
