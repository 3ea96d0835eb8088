package session

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"daca/services/internal/contract"
	"daca/services/internal/state"
	"daca/services/internal/state/statetest"
)

// replace puts a turn in the place of another one as a message does: it opens the session
// before.
func replace(t *testing.T, s *Sessions, user contract.UserID, id, turnID string, by Turn) {
	t.Helper()
	c, _, err := s.OpenBefore(t.Context(), user, id, turnID)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), c, by); err != nil {
		t.Fatal(err)
	}
}

func expectTexts(t *testing.T, s *Sessions, want ...string) {
	t.Helper()
	if got := texts(t, s, alice, "s"); !slices.Equal(got, want) {
		t.Errorf("the session has %q; want %q", got, want)
	}
}

// TestATurnIsReplaced holds that later turns go with it, that the history ends before it,
// and that the list follows.
func TestATurnIsReplaced(t *testing.T) {
	t.Parallel()
	s := testSessions(t, &statetest.Store{}, testConfig())
	for _, text := range []string{"a", "b", "c"} {
		say(t, s, alice, "s", text)
	}
	c, replaced, err := s.OpenBefore(t.Context(), alice, "s", "b")
	if err != nil || replaced.Text != "b" || len(c.History) != 2 || c.History[0].Content != "a" || c.Shortened {
		t.Errorf("opened %+v before %+v, %v", c, replaced, err)
	}
	if err := s.Append(t.Context(), c, turn("b2", "again b")); err != nil {
		t.Fatal(err)
	}
	expectTexts(t, s, "a", "again b")
	page, _, err := s.List(t.Context(), alice, 50, "")
	if err != nil || len(page) != 1 || page[0].TurnCount != 2 || page[0].Title != "a" {
		t.Errorf("the list is %+v, %v", page, err)
	}
	say(t, s, alice, "s", "d")
	expectTexts(t, s, "a", "again b", "d")
}

// TestTheTitleFollowsTheFirstMessage holds that a title which somebody has set stays.
func TestTheTitleFollowsTheFirstMessage(t *testing.T) {
	t.Parallel()
	s := testSessions(t, &statetest.Store{}, testConfig())
	say(t, s, alice, "s", "first")
	say(t, s, alice, "s", "second")
	replace(t, s, alice, "s", "second", turn("2", "other second"))
	replace(t, s, alice, "s", "first", turn("1", "other first"))
	found, err := s.Get(t.Context(), alice, "s")
	if err != nil || found.Title != "other first" || found.TurnCount != 1 {
		t.Errorf("the session is %+v, %v", found, err)
	}
	if _, err := s.Rename(t.Context(), alice, "s", "mine"); err != nil {
		t.Fatal(err)
	}
	replace(t, s, alice, "s", "1", turn("0", "another first"))
	if found, err = s.Get(t.Context(), alice, "s"); err != nil || found.Title != "mine" {
		t.Errorf("the session is %+v, %v", found, err)
	}
}

func TestThereIsNothingToReplace(t *testing.T) {
	t.Parallel()
	var away atomic.Bool
	store := &statetest.Store{Fail: func(string, ...string) statetest.Fault {
		if away.Load() {
			return statetest.Before
		}
		return statetest.None
	}}
	s := testSessions(t, store, testConfig())
	say(t, s, alice, "s", "a")
	say(t, s, alice, "deleted", "a")
	if err := s.Delete(t.Context(), alice, "deleted"); err != nil {
		t.Fatal(err)
	}
	for _, of := range []struct {
		user     contract.UserID
		id, turn string
	}{{eve, "s", "a"}, {alice, "other", "a"}, {alice, "deleted", "a"}, {alice, "s", "b"}, {alice, "s", ""}} {
		if _, _, err := s.OpenBefore(t.Context(), of.user, of.id, of.turn); !errors.Is(err, ErrNoTurn) {
			t.Errorf("%+v: %v", of, err)
		}
	}
	key := contract.SessionKey(alice, "unreadable")
	if err := store.Put(t.Context(), state.Put{Key: key, Value: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.OpenBefore(t.Context(), alice, "unreadable", "a"); !errors.Is(err, ErrUnreadable) {
		t.Errorf("a document that is no session: %v", err)
	}
	away.Store(true)
	if _, _, err := s.OpenBefore(t.Context(), alice, "s", "a"); err == nil || errors.Is(err, ErrNoTurn) {
		t.Errorf("a store that fails: %v", err)
	}
}

// TestATurnThatWentAway holds that an answer is kept all the same, except in a session that
// was deleted.
func TestATurnThatWentAway(t *testing.T) {
	t.Parallel()
	s := testSessions(t, &statetest.Store{}, testConfig())
	say(t, s, alice, "s", "a")
	say(t, s, alice, "s", "b")
	var late []*Conversation
	for range 2 {
		c, _, err := s.OpenBefore(t.Context(), alice, "s", "b")
		if err != nil {
			t.Fatal(err)
		}
		late = append(late, c)
	}
	replace(t, s, alice, "s", "b", turn("b2", "b2"))
	if err := s.Append(t.Context(), late[0], turn("b3", "b3")); err != nil {
		t.Fatal(err)
	}
	expectTexts(t, s, "a", "b2", "b3")
	if err := s.Delete(t.Context(), alice, "s"); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), late[1], turn("b4", "b4")); !errors.Is(err, ErrDeleted) {
		t.Errorf("a turn of a deleted session: %v", err)
	}
}

// TestLateCopies holds that neither a turn that has replaced one nor one that was replaced
// is added once more by a replica that finishes the work of another one.
func TestLateCopies(t *testing.T) {
	t.Parallel()
	store := &statetest.Store{}
	replicas := []*Sessions{testSessions(t, store, testConfig()), testSessions(t, store, testConfig())}
	s := replicas[0]
	say(t, s, alice, "s", "a")
	say(t, s, alice, "s", "b")
	replace(t, s, alice, "s", "b", turn("b2", "b2"))
	say(t, s, alice, "s", "c")
	for _, copied := range []struct{ replaces, id string }{{"b", "b2"}, {"", "b"}, {"a", "b"}} {
		c := Resume(alice, "s")
		c.Replaces = copied.replaces
		if err := replicas[1].Append(t.Context(), c, turn(copied.id, copied.id)); err != nil {
			t.Fatal(err)
		}
	}
	expectTexts(t, s, "a", "b2", "c")
	id := "a"
	last := id
	for i := range 3 * maxReplaced {
		last = id
		id = strconv.Itoa(i)
		replace(t, s, alice, "s", last, turn(id, "a"))
	}
	d, err := decodeDocument(store.Value(contract.SessionKey(alice, "s")))
	if err != nil || len(d.Replaced) != maxReplaced || d.Replaced[maxReplaced-1] != last {
		t.Errorf("the session remembers %q, %v", d.Replaced, err)
	}
}

// TestReplicasReplaceOneTurn has two replicas replace one turn and add others at once, while
// the store fails in every way. The turns from the one that is replaced on are gone, and
// each one that came in their place is there once.
func TestReplicasReplaceOneTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const answers = 40
		var fails atomic.Bool
		store := slowStore(statetest.None, statetest.After, statetest.None, statetest.None, statetest.Before)
		fail := store.Fail
		store.Fail = func(call string, keys ...string) statetest.Fault {
			if !fails.Load() {
				return statetest.None
			}
			return fail(call, keys...)
		}
		cfg := testConfig()
		cfg.Budget = time.Minute
		replicas := []*Sessions{testSessions(t, store, cfg), testSessions(t, store, cfg)}
		for _, text := range []string{"a", "b", "c"} {
			say(t, replicas[0], alice, "s", text)
		}
		var open [answers]*Conversation
		for i := range answers {
			var err error
			if open[i], _, err = replicas[i%2].OpenBefore(t.Context(), alice, "s", "b"); err != nil {
				t.Fatal(err)
			}
		}
		fails.Store(true)
		var all sync.WaitGroup
		for i := range answers {
			all.Go(func() {
				<-time.After(time.Duration(i*i%41) * time.Millisecond)
				if err := replicas[i%2].Append(t.Context(), open[i], turn(strconv.Itoa(i), strconv.Itoa(i))); err != nil {
					t.Errorf("turn %d: %v", i, err)
				}
			})
		}
		all.Wait()
		for _, s := range replicas {
			s.Close()
		}
		fails.Store(false)
		got := texts(t, replicas[0], alice, "s")
		want := []string{"a"}
		for i := range answers {
			want = append(want, strconv.Itoa(i))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("the session has %q; want %q", got, want)
		}
	})
}

// TestWhatALongTextSays holds that a text which is not kept whole is still known.
func TestWhatALongTextSays(t *testing.T) {
	t.Parallel()
	s := testSessions(t, &statetest.Store{}, testConfig())
	long := strings.Repeat("long ", 30<<10)
	if err := s.Append(t.Context(), Begin(alice, "s"), turn("a", long)); err != nil {
		t.Fatal(err)
	}
	_, kept, err := s.OpenBefore(t.Context(), alice, "s", "a")
	if err != nil || len(kept.Text) > 64<<10 {
		t.Fatalf("%d bytes are kept, %v", len(kept.Text), err)
	}
	for text, want := range map[string]bool{long: true, long[1:]: false, long + ".": false, kept.Text: true} {
		if kept.Says(text) != want {
			t.Errorf("the turn says %s of %d bytes: %t", text[:8], len(text), !want)
		}
	}
	if short := turn("a", "short"); !short.Says("short") || short.Says("Short") || short.Says("") {
		t.Error("a short turn says something else")
	}
}
