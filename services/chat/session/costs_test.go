package session

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"daca/services/internal/state"
	"daca/services/internal/state/statetest"
)

// likeRedis is a store with the ETags of Dapr's Redis: a new key begins with version 1,
// and a key that does not exist takes any ETag. Each call takes a while.
type likeRedis struct {
	takes time.Duration

	mu       sync.Mutex
	values   map[string][]byte
	versions map[string]int
	calls    int
	bytes    int // that were read and written
}

func newLikeRedis() *likeRedis {
	return &likeRedis{values: map[string][]byte{}, versions: map[string]int{}}
}

func (r *likeRedis) call() (unlock func()) {
	<-time.After(r.takes)
	r.mu.Lock()
	r.calls++
	return r.mu.Unlock
}

func (r *likeRedis) Get(_ context.Context, keys ...string) ([]state.Stored, error) {
	defer r.call()()
	found := make([]state.Stored, len(keys))
	for i, key := range keys {
		if version := r.versions[key]; version > 0 {
			found[i] = state.Stored{Value: r.values[key], ETag: strconv.Itoa(version)}
			r.bytes += len(r.values[key])
		}
	}
	return found, nil
}

func (r *likeRedis) Put(_ context.Context, items ...state.Put) error {
	defer r.call()()
	for _, item := range items {
		if version := r.versions[item.Key]; version > 0 && strconv.Itoa(version) != item.ETag {
			return statetest.ErrChanged
		}
		r.versions[item.Key]++
		r.values[item.Key] = item.Value
		r.bytes += len(item.Value)
	}
	return nil
}

func (r *likeRedis) Delete(_ context.Context, key string) error {
	defer r.call()()
	delete(r.versions, key)
	return nil
}

func (r *likeRedis) Calls() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls
}

// counted is a store that counts its calls.
type counted interface {
	Store
	Calls() int
}

// TestWhatAMessageCosts counts the calls of the store, and holds that a user with many
// messages at once makes no message wait for the others.
func TestWhatAMessageCosts(t *testing.T) {
	t.Parallel()
	t.Run("where versions are numbers", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			store := newLikeRedis()
			store.takes = time.Millisecond
			testCosts(t, store, 1)
		})
	})
	t.Run("where they are not", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) { testCosts(t, slowStore(), 2) })
	})
}

// testCosts takes how many calls it needs to change a list that this process has written.
func testCosts(t *testing.T, store counted, list int) {
	s := testSessions(t, store, testConfig())
	costs := func(want int, what string, do func()) {
		t.Helper()
		before := store.Calls()
		do()
		s.Close()
		if got := store.Calls() - before; got > want {
			t.Errorf("%s: %d calls; want at most %d", what, got, want)
		}
	}
	begin := func(id string) {
		t.Helper()
		if err := s.Append(t.Context(), Begin(alice, id), turn(id, "hi")); err != nil {
			t.Error(err)
		}
	}
	costs(3, "the first message of a user", func() { begin("s") })
	wrong := list - 1 // a guess, once
	costs(2+list+wrong, "the next one of the session", func() { say(t, s, alice, "s", "2") })
	costs(1+list, "one that begins another session", func() { begin("t") })
	const messages = 200
	merge := 2 + list // the whole list is read and written, and what is in it leaves the recent ones
	costs(messages+2*list+merge, "sessions of one user that begin at once", func() {
		var all sync.WaitGroup
		for i := range messages {
			all.Go(func() {
				began := time.Now()
				begin(strconv.Itoa(i))
				if took := time.Since(began); took > time.Millisecond {
					t.Errorf("message %d waited %s", i, took)
				}
			})
		}
		all.Wait()
	})
	costs(1+list, "one that begins beside 200 others", func() { begin("u") })
	costs(4+2+list+1, "messages of one session at once", func() {
		var all sync.WaitGroup
		for i := range messages {
			all.Go(func() {
				if err := s.Append(t.Context(), Resume(eve, "s"), turn(strconv.Itoa(i), "t")); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	})
	if got := texts(t, s, eve, "s"); len(got) != messages {
		t.Errorf("%d turns are kept; want %d", len(got), messages)
	}
}

// TestManySessionsMakeNoMessageDearer compares a message of a user with as many sessions as
// are listed with one of a user who has a few, by the bytes that the store reads and writes.
func TestManySessionsMakeNoMessageDearer(t *testing.T) {
	t.Parallel()
	store := newLikeRedis()
	s := testSessions(t, store, testConfig())
	cost := func(from, messages int) float64 {
		before := store.bytes
		for i := range messages {
			id := fmt.Sprint("session-", from+i)
			if err := s.Append(t.Context(), Begin(alice, id), turn(id, "hi")); err != nil {
				t.Fatal(err)
			}
			s.Close()
		}
		return float64(store.bytes-before) / float64(messages)
	}
	few := cost(0, 50)
	cost(50, maxListed)
	many := cost(50+maxListed, 100)
	if ratio := many / few; ratio > 2.5 { // the whole list alone would make it 10
		t.Errorf("a message costs %.0f bytes with many sessions, and %.0f with few", many, few)
	}
	t.Logf("a message costs %.0f bytes with many sessions, and %.0f with few", many, few)
}

// TestAWrongGuessCostsOneCall has another replica write the list, which no guess knows.
func TestAWrongGuessCostsOneCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newLikeRedis()
		one, other := testSessions(t, store, testConfig()), testSessions(t, store, testConfig())
		for i := range 10 {
			for _, s := range []*Sessions{one, other} {
				say(t, s, alice, fmt.Sprint("s", i%3), fmt.Sprint(i, s == one))
				s.Close()
			}
		}
		if got := len(listed(t, one, alice)); got != 3 {
			t.Errorf("%d sessions are listed", got)
		}
		// 20 messages of 4 calls each, and a wrong guess of each replica. The first message
		// of a session finds nothing to guess about. The list is read in two parts.
		if got := store.Calls(); got > 20*4+2+2 {
			t.Errorf("%d calls", got)
		}
	})
}
