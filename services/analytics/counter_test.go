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
	"github.com/prometheus/client_golang/prometheus/testutil"

	"daca/services/internal/contract"
)

// memoryStore is a store with compare-and-swap, like Dapr's with first-write. fail
// decides how a call ends.
type memoryStore struct {
	mu     sync.Mutex
	values map[string]string
	etags  map[string]int
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

func (s *memoryStore) Get(_ context.Context, key string) ([]byte, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.fail("get"); f != noFault {
		return nil, "", errStore
	}
	value, ok := s.values[key]
	if !ok {
		return nil, "", nil
	}
	return []byte(value), strconv.Itoa(s.etags[key]), nil
}

func (s *memoryStore) Put(_ context.Context, key string, value []byte, etag string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.fail("put")
	if f == failBefore || f == noSuchStore {
		return errStore
	}
	if current, ok := s.etags[key]; ok && etag != strconv.Itoa(current) || !ok && etag != "" {
		return errors.New("etag mismatch")
	}
	s.puts++
	s.set(key, string(value))
	if f == failAfter {
		return errStore
	}
	return nil
}

func (s *memoryStore) set(key, value string) {
	s.values[key] = value
	s.etags[key]++
}

func testCounter(s store) *counter {
	return cappedCounter(s, 10_000)
}

func cappedCounter(s store, limit int) *counter {
	cfg := counterConfig{Window: time.Hour, Cap: limit, Budget: 5 * time.Second}
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
		if _, _, err := c.Apply(t.Context(), "alice", increment(id)); err != nil {
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
		if _, _, err := c.Apply(t.Context(), "alice", op); err != nil {
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
	if _, _, err := c.Apply(t.Context(), "alice", register); err != nil {
		t.Fatal(err)
	}
	mustCount(t, c, "alice", 0)
	_, _, _ = c.Apply(t.Context(), "alice", increment("a"))
	_, _, _ = c.Apply(t.Context(), "alice", operation{ID: "r2"})
	mustCount(t, c, "alice", 1)
}

func TestCounterReadsTheTutorialsDocument(t *testing.T) {
	t.Parallel()
	s := newMemoryStore()
	s.set("alice", `{"message_count":5}`)
	c := testCounter(s)
	mustCount(t, c, "alice", 5)
	_, _, _ = c.Apply(t.Context(), "alice", increment("a"))
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
					if _, _, err := replicas[i%2].Apply(t.Context(), "hot", op); err == nil {
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
		_, n, err := c.Apply(t.Context(), "alice", increment("a"))
		if n != 1 || err != nil {
			t.Errorf("increment = %d, %v; want 1", n, err)
		}
		once()
		_, _, err = c.Apply(t.Context(), "alice", operation{ID: "i", Change: setTo(7)})
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
			wg.Go(func() { _, _, _ = c.Apply(t.Context(), "hot", increment(strconv.Itoa(i))) })
		}
		synctest.Wait() // one commit is under way, 49 events wait
		close(s.release)
		wg.Wait()
		mustCount(t, c, "hot", 50)
		if s.puts != 2 {
			t.Errorf("50 concurrent events cost %d writes; want 2", s.puts)
		}
		if len(c.queues) != 0 {
			t.Errorf("%d queues are left", len(c.queues))
		}
	})
}

// blocking is a store whose reads wait for the release.
type blocking struct {
	*memoryStore
	release chan struct{}
}

func (b blocking) Get(ctx context.Context, key string) ([]byte, string, error) {
	<-b.release
	return b.memoryStore.Get(ctx, key)
}

func TestCounterGivesUpAfterItsBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newMemoryStore()
		s.fail = func(string) fault { return noSuchStore }
		c := testCounter(s)
		start := time.Now()
		if _, _, err := c.Apply(t.Context(), "alice", increment("a")); err == nil {
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
		wg.Go(func() { _, _, _ = c.Apply(t.Context(), "alice", increment("a")) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := c.Apply(ctx, "alice", increment("b")); !errors.Is(err, context.DeadlineExceeded) {
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
	if _, _, err := c.Apply(t.Context(), "alice", increment("a")); !errors.Is(err, errCorrupt) {
		t.Errorf("Apply = %v; want errCorrupt", err)
	}
	if s.values["alice"] != `no JSON` {
		t.Error("the document was overwritten")
	}
}

func TestCounterReportsWhenTheCapBites(t *testing.T) {
	t.Parallel()
	c := cappedCounter(newMemoryStore(), 100)
	for i := range 150 {
		_, _, _ = c.Apply(t.Context(), "alice", increment(strconv.Itoa(i)))
	}
	mustCount(t, c, "alice", 150)
	if got := testutil.ToFloat64(c.evictions); got != 50 {
		t.Errorf("%v evictions are reported; want 50", got)
	}
}

// TestCounterReportsAPanicOfAnotherCaller holds that a call fails if another caller's
// commit took its operation and panicked.
func TestCounterReportsAPanicOfAnotherCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newMemoryStore()
		gets := 0
		gate := make(chan struct{})
		s.fail = func(call string) fault {
			if call == "get" {
				gets++
			}
			switch {
			case call == "get" && gets == 1:
				<-gate // until all others wait, so that one commit takes them
			case call == "get" && gets == 2:
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
				_, _, err := c.Apply(t.Context(), "alice", at(strconv.Itoa(i), time.Now()))
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
