package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"daca/services/internal/contract"
	"daca/services/internal/state"
)

// memoryStore is a store with compare-and-swap, like Dapr's with first-write. fail
// decides how a call ends.
type memoryStore struct {
	mu     sync.Mutex
	values map[string]string
	etags  map[string]int
	gets   int
	puts   int
	fail   func(call string) fault
}

type fault int

const (
	noFault     fault = iota
	failBefore        // the call has no effect and returns an error
	failAfter         // the call has its effect and returns an error all the same
	noSuchStore       // every call fails
)

var errStore = errors.New("connection refused")

func newMemoryStore() *memoryStore {
	return &memoryStore{values: map[string]string{}, etags: map[string]int{}, fail: func(string) fault { return noFault }}
}

func (s *memoryStore) Get(_ context.Context, keys ...string) ([]state.Stored, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.fail("get"); f != noFault {
		return nil, errStore
	}
	s.gets++
	found := make([]state.Stored, len(keys))
	for i, key := range keys {
		if value, ok := s.values[key]; ok {
			found[i] = state.Stored{Value: []byte(value), ETag: strconv.Itoa(s.etags[key])}
		}
	}
	return found, nil
}

// Put writes each value whose ETag is right, as Dapr's bulk writes do, and may fail
// in the middle.
func (s *memoryStore) Put(_ context.Context, items ...state.Put) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.fail("put")
	if f == failBefore || f == noSuchStore {
		return errStore
	}
	s.puts++
	for i, item := range items {
		if current, ok := s.etags[item.Key]; ok && item.ETag != strconv.Itoa(current) || !ok && item.ETag != "" {
			err = errors.New("etag mismatch")
			continue
		}
		if f == failAfter && i > 0 && i == len(items)/2 {
			break
		}
		s.set(item.Key, string(item.Value))
	}
	if f == failAfter {
		return errStore
	}
	return err
}

func (s *memoryStore) set(key, value string) {
	s.values[key] = value
	s.etags[key]++
}

func testCounter(s state.Store) *counter {
	cfg := counterConfig{Window: time.Hour, Budget: 5 * time.Second}
	return newCounter(s, cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
}

func increment(id string) operation { return operation{ID: id, Change: addOne} }

func mustCount(t *testing.T, c *counter, user contract.UserID, want int64) {
	t.Helper()
	if got, err := c.Count(t.Context(), user); err != nil || got != want {
		t.Errorf("Count(%q) = %d, %v; want %d", user, got, err, want)
	}
}

func TestCounterCountsEachIDOnce(t *testing.T) {
	t.Parallel()
	c := testCounter(newMemoryStore())
	for _, id := range []string{"a", "b", "a", "c", "b", "a"} {
		if _, err := c.do(t.Context(), "alice", increment(id)); err != nil {
			t.Fatal(err)
		}
	}
	mustCount(t, c, "alice", 3)
}

func TestCounterInitialize(t *testing.T) {
	t.Parallel()
	c := testCounter(newMemoryStore())
	for _, op := range []operation{
		increment("a"), {ID: "init", Change: setTo(5)}, increment("a"), increment("b"),
		{ID: "init", Change: setTo(5)}, // a copy changes nothing
	} {
		if _, err := c.do(t.Context(), "alice", op); err != nil {
			t.Fatal(err)
		}
	}
	mustCount(t, c, "alice", 6)
}

func TestCounterRegister(t *testing.T) {
	t.Parallel()
	c := testCounter(newMemoryStore())
	if _, err := c.Count(t.Context(), "alice"); !errors.Is(err, errUnknownUser) {
		t.Fatalf("a user never seen: %v; want errUnknownUser", err)
	}
	register := operation{ID: "r"}
	if _, err := c.do(t.Context(), "alice", register); err != nil {
		t.Fatal(err)
	}
	mustCount(t, c, "alice", 0)
	_, _ = c.do(t.Context(), "alice", increment("a"))
	_, _ = c.do(t.Context(), "alice", operation{ID: "r2"})
	mustCount(t, c, "alice", 1)
}

func TestCounterReadsTheTutorialsDocument(t *testing.T) {
	t.Parallel()
	s := newMemoryStore()
	s.set("alice", `{"message_count":5}`)
	c := testCounter(s)
	mustCount(t, c, "alice", 5)
	_, _ = c.do(t.Context(), "alice", increment("a"))
	mustCount(t, c, "alice", 6)
}

// TestCounterSurvivesAnUnreliableStore lets two replicas count the same events on
// a store whose calls fail at random, before or after they took effect.
func TestCounterSurvivesAnUnreliableStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newMemoryStore()
		random := rand.New(rand.NewPCG(1, 2))
		s.fail = func(string) fault {
			return []fault{noFault, noFault, noFault, failBefore, failAfter}[random.IntN(5)]
		}
		replicas := []*counter{testCounter(s), testCounter(s)}
		const distinct, copies = 300, 3
		var wg sync.WaitGroup
		for i := range distinct * copies {
			wg.Go(func() {
				op := increment(fmt.Sprint("event-", i%distinct))
				for { // Dapr's redelivery
					if _, err := replicas[i%2].do(t.Context(), "hot", op); err == nil {
						return
					}
				}
			})
		}
		wg.Wait()
		s.fail = func(string) fault { return noFault }
		mustCount(t, replicas[0], "hot", distinct)
	})
}

// TestCounterFindsItsOwnUnclearWrite holds that neither an increment nor an
// initialize is made twice if its write took effect and returned an error.
func TestCounterFindsItsOwnUnclearWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newMemoryStore()
		c := testCounter(s)
		once := func() {
			failed := false
			s.fail = func(call string) fault {
				if call == "put" && !failed {
					failed = true
					return failAfter
				}
				return noFault
			}
		}
		once()
		ch, err := c.do(t.Context(), "alice", increment("a"))
		if err != nil || ch.count != 1 {
			t.Errorf("increment = %+v, %v; want 1", ch, err)
		}
		once()
		_, err = c.do(t.Context(), "alice", operation{ID: "i", Change: setTo(7)})
		if err != nil {
			t.Error(err)
		}
		mustCount(t, c, "alice", 7)
		if s.puts != 2 {
			t.Errorf("%d writes; want 2", s.puts)
		}
	})
}

func TestCounterCommitsWaitingEventsTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := blocking{newMemoryStore(), make(chan struct{})}
		c := testCounter(s)
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() { _, _ = c.do(t.Context(), "hot", increment(strconv.Itoa(i))) })
		}
		synctest.Wait() // one commit is under way, 49 events wait
		close(s.release)
		wg.Wait()
		mustCount(t, c, "hot", 50)
		if s.puts != 2 {
			t.Errorf("50 concurrent events cost %d writes; want 2", s.puts)
		}
		if len(c.waiting) != 0 {
			t.Errorf("%d changes still wait", len(c.waiting))
		}
	})
}

// blocking is a store whose reads wait for the release.
type blocking struct {
	*memoryStore
	release chan struct{}
}

func (b blocking) Get(ctx context.Context, keys ...string) ([]state.Stored, error) {
	<-b.release
	return b.memoryStore.Get(ctx, keys...)
}

func TestCounterGivesUpAfterItsBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newMemoryStore()
		s.fail = func(string) fault { return noSuchStore }
		c := testCounter(s)
		start := time.Now()
		if _, err := c.do(t.Context(), "alice", increment("a")); err == nil {
			t.Error("no error from a store that does not answer")
		}
		if took := time.Since(start); took > 6*time.Second {
			t.Errorf("it took %s; the budget is 5s", took)
		}
		if _, err := c.Count(t.Context(), "alice"); err == nil || errors.Is(err, errUnknownUser) {
			t.Errorf("Count = %v; want an error that is not errUnknownUser", err)
		}
	})
}

func TestCounterLetsACallerLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := blocking{newMemoryStore(), make(chan struct{})}
		c := testCounter(s)
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = c.do(t.Context(), "alice", increment("a")) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.do(ctx, "alice", increment("b")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Apply = %v; want its context's error", err)
		}
		close(s.release)
		wg.Wait()
		mustCount(t, c, "alice", 1) // b was taken back
	})
}

func TestCounterNamesACorruptDocument(t *testing.T) {
	t.Parallel()
	s := newMemoryStore()
	s.set("alice", `no JSON`)
	c := testCounter(s)
	if _, err := c.do(t.Context(), "alice", increment("a")); !errors.Is(err, errCorrupt) {
		t.Errorf("Apply = %v; want errCorrupt", err)
	}
	if s.values["alice"] != `no JSON` {
		t.Error("the document was overwritten")
	}
}

// TestCounterReportsAPanicOfAnotherCaller holds that a call fails if another caller's
// commit took its operation and panicked.
func TestCounterReportsAPanicOfAnotherCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newMemoryStore()
		puts := 0
		gate := make(chan struct{})
		s.fail = func(call string) fault {
			if call == "put" {
				puts++
			}
			switch {
			case call == "put" && puts == 1:
				<-gate // until all others wait, so that one commit takes them
			case call == "put" && puts == 2:
				panic("in the store")
			}
			return noFault
		}
		c := testCounter(s)
		var mu sync.Mutex
		var counted, panicked int64
		var all sync.WaitGroup
		for i := range 5 {
			all.Go(func() {
				defer func() {
					mu.Lock()
					defer mu.Unlock()
					if recover() != nil {
						panicked++
					}
				}()
				_, err := c.do(t.Context(), "alice", at(strconv.Itoa(i), time.Now()))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					counted++
				}
			})
		}
		synctest.Wait()
		close(gate)
		all.Wait()
		if n, err := c.Count(t.Context(), "alice"); err != nil || n != counted || n != 1 || panicked != 1 {
			t.Errorf("the count is %d, %v; %d calls succeeded, %d panicked; want 1 of each", n, err, counted, panicked)
		}
	})
}
