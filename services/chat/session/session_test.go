package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"daca/services/chat/agent"
	"daca/services/internal/contract"
	"daca/services/internal/state"
	"daca/services/internal/state/statetest"
)

const alice, eve contract.UserID = "alice", "eve"

func testConfig() Config {
	return Config{
		TTL: time.Hour, MaxBytes: 64 << 10, MaxTokens: 8000, Budget: 2 * time.Second,
		Logger: slog.New(slog.DiscardHandler),
	}
}

func testSessions(t *testing.T, store Store, cfg Config) *Sessions {
	t.Helper()
	s := New(store, cfg)
	t.Cleanup(s.Close)
	return s
}

// slowStore returns a store each of whose calls takes a millisecond, in a bubble of
// synctest. It fails as the script says, over and over again.
func slowStore(script ...statetest.Fault) *statetest.Store {
	var mu sync.Mutex
	calls := 0
	return &statetest.Store{Fail: func(string, ...string) statetest.Fault {
		<-time.After(time.Millisecond)
		if len(script) == 0 {
			return statetest.None
		}
		mu.Lock()
		defer mu.Unlock()
		calls++
		return script[calls%len(script)]
	}}
}

// turn returns a turn of a user who says the text, and is answered with it.
func turn(id, text string) Turn {
	return Turn{
		ID: id, Time: time.Now().UTC().Truncate(time.Millisecond), Text: text,
		Messages: []agent.Message{{Role: agent.RoleAssistant, Content: "You said: " + text}},
	}
}

// say adds a turn as a message does: it opens the session before.
func say(t *testing.T, s *Sessions, user contract.UserID, id, text string) *Conversation {
	t.Helper()
	c, err := s.Open(t.Context(), user, id)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), c, turn(text, text)); err != nil {
		t.Fatal(err)
	}
	return c
}

// texts returns what the user said in a session.
func texts(t *testing.T, s *Sessions, user contract.UserID, id string) (said []string) {
	t.Helper()
	found, err := s.Get(t.Context(), user, id)
	if err != nil {
		t.Fatal(err)
	}
	for _, turn := range found.Turns {
		said = append(said, turn.Text)
	}
	return said
}

// listed returns the ids of the user's sessions.
func listed(t *testing.T, s *Sessions, user contract.UserID) (ids []string) {
	t.Helper()
	page, _, err := s.List(t.Context(), user, maxListed, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, summary := range page {
		ids = append(ids, summary.ID)
	}
	return ids
}

func TestASessionIsRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := testSessions(t, &statetest.Store{}, testConfig())
		if c := say(t, s, alice, "s", "My name\n is Alice."); len(c.History) != 0 || c.Shortened {
			t.Errorf("a new session has the history %+v, %t", c.History, c.Shortened)
		}
		<-time.After(time.Second)
		c := say(t, s, alice, "s", "Who am I?")
		want := []agent.Message{
			{Role: agent.RoleUser, Content: "My name\n is Alice."},
			{Role: agent.RoleAssistant, Content: "You said: My name\n is Alice."},
		}
		if diff := cmp.Diff(want, c.History); diff != "" || c.Shortened {
			t.Errorf("shortened %t, history (-want +got):\n%s", c.Shortened, diff)
		}
		now := time.Now().UTC()
		summary := Summary{
			ID: "s", Title: "My name is Alice.", Created: now.Add(-time.Second), Updated: now, TurnCount: 2,
		}
		got, err := s.Get(t.Context(), alice, "s")
		first, second := turn("My name\n is Alice.", "My name\n is Alice."), turn("Who am I?", "Who am I?")
		first.Time = now.Add(-time.Second)
		if diff := cmp.Diff(Session{Summary: summary, Turns: []Turn{first, second}}, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		page, next, err := s.List(t.Context(), alice, 50, "")
		if diff := cmp.Diff([]Summary{summary}, page); diff != "" || next != "" || err != nil {
			t.Errorf("%q, %v (-want +got):\n%s", next, err, diff)
		}
	})
}

// TestReplicasLoseNothing has two replicas add to one session and one list at once, while
// the store fails in every way. The order is that of the answers: a turn that was kept
// before another one was to be kept is before it.
func TestReplicasLoseNothing(t *testing.T) {
	t.Parallel()
	const turns = 100
	for name, script := range map[string][]statetest.Fault{
		"on a store that works": nil,
		"on a store that fails": {statetest.None, statetest.After, statetest.None, statetest.None, statetest.Before},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := slowStore(script...)
				cfg := testConfig()
				cfg.Budget = time.Minute
				replicas := []*Sessions{testSessions(t, store, cfg), testSessions(t, store, cfg)}
				began, ended := [turns]time.Time{}, [turns]time.Time{}
				var all sync.WaitGroup
				for i := range turns {
					all.Go(func() {
						<-time.After(time.Duration(i*i%41) * time.Millisecond)
						began[i] = time.Now()
						err := replicas[i%2].Append(t.Context(), Resume(alice, "s"), turn(strconv.Itoa(i), strconv.Itoa(i)))
						ended[i] = time.Now()
						if err != nil {
							t.Errorf("turn %d: %v", i, err)
						}
					})
				}
				all.Wait()
				for _, s := range replicas {
					s.Close()
				}
				store.Fail = nil
				at := map[string]int{}
				for i, text := range texts(t, replicas[0], alice, "s") {
					if _, twice := at[text]; twice {
						t.Errorf("turn %s is there twice", text)
					}
					at[text] = i
				}
				if len(at) != turns {
					t.Fatalf("%d turns are kept; want %d", len(at), turns)
				}
				for i := range turns {
					for j := range turns {
						if ended[i].Before(began[j]) && at[strconv.Itoa(i)] > at[strconv.Itoa(j)] {
							t.Errorf("turn %d was kept before %d began, and comes after it", i, j)
						}
					}
				}
				page, _, err := replicas[0].List(t.Context(), alice, 50, "")
				if err != nil || len(page) != 1 || page[0].TurnCount != turns {
					t.Errorf("the list is %+v, %v; want one session with %d turns", page, err, turns)
				}
			})
		})
	}
}

func TestAnotherUserSeesNothing(t *testing.T) {
	t.Parallel()
	s := testSessions(t, &statetest.Store{}, testConfig())
	say(t, s, alice, "s", "secret")
	if c, err := s.Open(t.Context(), eve, "s"); err != nil || len(c.History) != 0 {
		t.Errorf("Open = %+v, %v; want no history", c, err)
	}
	if _, err := s.Get(t.Context(), eve, "s"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get = %v", err)
	}
	if _, err := s.Rename(t.Context(), eve, "s", "mine"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Rename = %v", err)
	}
	if err := s.Delete(t.Context(), eve, "s"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Delete = %v", err)
	}
	say(t, s, eve, "s", "hi")
	if got := listed(t, s, eve); len(got) != 1 {
		t.Errorf("the list is %v", got)
	}
	if got := texts(t, s, alice, "s"); len(got) != 1 || got[0] != "secret" {
		t.Errorf("the session of alice is %v", got)
	}
}

// TestAStoreThatIsAway holds how long a message waits for it, and that it is used again as
// soon as it is back.
func TestAStoreThatIsAway(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]func(context.Context) error{
		"because it fails": func(context.Context) error { return statetest.ErrFault },
		"because it hangs": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := &awayStore{}
				s := testSessions(t, store, testConfig())
				say(t, s, alice, "s", "1")
				s.Close()
				store.away = away
				// The first message finds out. The next ones do not wait as long.
				for _, limit := range []time.Duration{testConfig().Budget * 9 / 8, testConfig().Budget / 4} {
					began := time.Now()
					c, err := s.Open(t.Context(), alice, "s")
					if err == nil || c == nil || len(c.History) != 0 {
						t.Errorf("Open = %+v, %v", c, err)
					}
					if err := s.Append(t.Context(), c, turn("2", "2")); err == nil {
						t.Errorf("Append = %v", err)
					}
					if took := time.Since(began); took > limit {
						t.Errorf("a message waited %s; want %s", took, limit)
					}
				}
				if _, _, err := s.List(t.Context(), alice, 50, ""); err == nil {
					t.Error("List shows sessions of a store that is away")
				}
				if _, err := s.Get(t.Context(), alice, "s"); err == nil || errors.Is(err, ErrNotFound) {
					t.Errorf("Get = %v", err)
				}
				if err := s.Delete(t.Context(), alice, "s"); err == nil || errors.Is(err, ErrNotFound) {
					t.Errorf("Delete = %v", err)
				}
				if s.Probe(t.Context()) == nil && name == "because it fails" {
					t.Error("Probe does not notice")
				}
				store.away = nil
				if c := say(t, s, alice, "s", "3"); len(c.History) != 2 || c.History[0].Content != "1" {
					t.Errorf("the history is %+v", c.History)
				}
				if s.failing.Load() || s.Probe(t.Context()) != nil {
					t.Error("it is not noticed that the store is back")
				}
			})
		})
	}
}

// awayStore is a store that may be away.
type awayStore struct {
	statetest.Store
	away func(context.Context) error
}

func (s *awayStore) Get(ctx context.Context, keys ...string) ([]state.Stored, error) {
	if s.away != nil && keys[0] != contract.PingKey {
		return nil, s.away(ctx)
	}
	if s.away != nil {
		return nil, statetest.ErrFault
	}
	return s.Store.Get(ctx, keys...)
}

func (s *awayStore) Put(ctx context.Context, items ...state.Put) error {
	if s.away != nil {
		return s.away(ctx)
	}
	return s.Store.Put(ctx, items...)
}

func (s *awayStore) Delete(ctx context.Context, key string) error {
	if s.away != nil {
		return s.away(ctx)
	}
	return s.Store.Delete(ctx, key)
}

// TestAListThatCannotBeWritten holds that the turn is kept, and listed with the next one.
func TestAListThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var failing atomic.Bool
		failing.Store(true)
		store := &statetest.Store{Fail: func(call string, keys ...string) statetest.Fault {
			if failing.Load() && call == "put" && keys[0] == contract.RecentSessionsKey(alice) {
				return statetest.Before
			}
			return statetest.None
		}}
		s := testSessions(t, store, testConfig())
		say(t, s, alice, "s", "1")
		if got := listed(t, s, alice); len(got) != 0 {
			t.Errorf("the list is %v", got)
		}
		if got := texts(t, s, alice, "s"); len(got) != 1 {
			t.Errorf("the turns are %v", got)
		}
		failing.Store(false)
		say(t, s, alice, "s", "2")
		if got := listed(t, s, alice); len(got) != 1 {
			t.Errorf("the list is %v", got)
		}
	})
}

func TestAppendingTwiceIsAppendingOnce(t *testing.T) {
	t.Parallel()
	s := testSessions(t, &statetest.Store{}, testConfig())
	for range 3 {
		say(t, s, alice, "s", "same")
	}
	if got := texts(t, s, alice, "s"); len(got) != 1 {
		t.Errorf("the turns are %v", got)
	}
}

// TestDeletingWinsOverAnAnswer holds that an answer in progress does not bring a deleted
// session back, on a store that takes any ETag for a key that does not exist.
func TestDeletingWinsOverAnAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testDeletingWinsOverAnAnswer)
}

func testDeletingWinsOverAnAnswer(t *testing.T) {
	s := testSessions(t, newLikeRedis(), testConfig())
	say(t, s, alice, "s", "1")
	c, err := s.Open(t.Context(), alice, "s")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), alice, "s"); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), c, turn("2", "2")); !errors.Is(err, ErrDeleted) {
		t.Errorf("Append = %v", err)
	}
	if _, err := s.Get(t.Context(), alice, "s"); !errors.Is(err, ErrNotFound) || len(listed(t, s, alice)) != 0 {
		t.Errorf("Get = %v; the list is %v", err, listed(t, s, alice))
	}
	if err := s.Delete(t.Context(), alice, "s"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Delete = %v", err)
	}
	<-time.After(time.Second)
	say(t, s, alice, "s", "3")
	if got := texts(t, s, alice, "s"); len(got) != 1 || len(listed(t, s, alice)) != 1 {
		t.Errorf("the session that begins anew has %v", got)
	}
	if err := s.Append(t.Context(), c, turn("2", "2")); !errors.Is(err, ErrDeleted) {
		t.Errorf("Append to the session that began anew = %v", err)
	}
}

// TestADeletedSessionLeavesNoText holds that the store has nothing of it any more.
func TestADeletedSessionLeavesNoText(t *testing.T) {
	t.Parallel()
	store := &statetest.Store{}
	s := testSessions(t, store, testConfig())
	say(t, s, alice, "s", "secret")
	if err := s.Delete(t.Context(), alice, "s"); err != nil {
		t.Fatal(err)
	}
	for _, key := range store.Keys() {
		if value := string(store.Value(key)); strings.Contains(value, "secret") {
			t.Errorf("%s is %s", key, value)
		}
	}
}

func TestRename(t *testing.T) {
	t.Parallel()
	s := testSessions(t, &statetest.Store{}, testConfig())
	say(t, s, alice, "s", "1")
	for range 2 {
		got, err := s.Rename(t.Context(), alice, "s", " A new\ntitle ")
		if err != nil || got.Title != "A new title" || got.TurnCount != 1 {
			t.Errorf("Rename = %+v, %v", got, err)
		}
	}
	say(t, s, alice, "s", "2")
	page, _, err := s.List(t.Context(), alice, 50, "")
	if err != nil || len(page) != 1 || page[0].Title != "A new title" || page[0].TurnCount != 2 {
		t.Errorf("the list is %+v, %v", page, err)
	}
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := testSessions(t, &statetest.Store{}, testConfig())
		say(t, s, alice, "old", "1")
		<-time.After(50 * time.Minute)
		say(t, s, alice, "new", "1")
		<-time.After(50 * time.Minute)
		if _, err := s.Get(t.Context(), alice, "old"); !errors.Is(err, ErrNotFound) {
			t.Errorf("Get = %v", err)
		}
		if got := listed(t, s, alice); len(got) != 1 || got[0] != "new" {
			t.Errorf("the list is %v", got)
		}
	})
}

// TestALargeSessionLosesItsOldestTurns holds that it says so, everywhere.
func TestALargeSessionLosesItsOldestTurns(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.MaxBytes = MinBytes
	store := &statetest.Store{}
	s := testSessions(t, store, cfg)
	for i := range 100 {
		say(t, s, alice, "s", fmt.Sprint(i, strings.Repeat("x", 300)))
		if size := len(store.Value(contract.SessionKey(alice, "s"))); size > MinBytes {
			t.Fatalf("the document has %d bytes", size)
		}
	}
	got, err := s.Get(t.Context(), alice, "s")
	if err != nil || got.Dropped+len(got.Turns) != 100 || got.Dropped == 0 || got.TurnCount != 100 ||
		!strings.HasPrefix(got.Turns[len(got.Turns)-1].Text, "99") {
		t.Errorf("%d turns dropped, %d kept, %d counted, %v", got.Dropped, len(got.Turns), got.TurnCount, err)
	}
	if c, err := s.Open(t.Context(), alice, "s"); err != nil || !c.Shortened {
		t.Errorf("Open = %t, %v; want a shortened history", c.Shortened, err)
	}
	if got.Title != Title("0"+strings.Repeat("x", 300)) {
		t.Errorf("the title is %q", got.Title)
	}
}

// TestWithoutHistory holds that sessions are kept where prompts get none.
func TestWithoutHistory(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.MaxTokens = 0
	s := testSessions(t, &statetest.Store{}, cfg)
	for _, text := range []string{"1", "2"} {
		if c := say(t, s, alice, "s", text); len(c.History) != 0 || c.Shortened {
			t.Errorf("the history is %+v, %t", c.History, c.Shortened)
		}
	}
	if got := texts(t, s, alice, "s"); len(got) != 2 {
		t.Errorf("the turns are %v", got)
	}
}

// TestDocumentsOfOthersAreLeftAlone has a document of a newer version, and one that is none.
func TestDocumentsOfOthersAreLeftAlone(t *testing.T) {
	t.Parallel()
	for _, value := range []string{`{"version":2,"turns":[]}`, `[]`, `nonsense`} {
		store := &statetest.Store{}
		key := contract.SessionKey(alice, "s")
		if err := store.Put(t.Context(), state.Put{Key: key, Value: []byte(value)}); err != nil {
			t.Fatal(err)
		}
		s := testSessions(t, store, testConfig())
		c, err := s.Open(t.Context(), alice, "s")
		if !errors.Is(err, ErrUnreadable) || !strings.Contains(err.Error(), key) {
			t.Errorf("Open = %v", err)
		}
		if err := s.Append(t.Context(), c, turn("1", "1")); !errors.Is(err, ErrUnreadable) {
			t.Errorf("Append = %v", err)
		}
		if got := string(store.Value(key)); got != value || s.failing.Load() {
			t.Errorf("the value is %q now; the store fails: %t", got, s.failing.Load())
		}
		if err := s.Delete(t.Context(), alice, "s"); err != nil || store.Value(key) != nil {
			t.Errorf("Delete = %v; it cannot be got rid of", err)
		}
	}
}
