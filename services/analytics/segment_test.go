package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"daca/services/internal/state"
)

// sent returns a change of alice by an event with the id, which happened that many
// milliseconds after noon.
func sent(id string, ms int) *change {
	return &change{user: "alice", operation: at(id, noon.Add(time.Duration(ms)*time.Millisecond))}
}

// applyAll makes the changes, again and again while the store fails.
func applyAll(t *testing.T, c *counter, changes ...*change) {
	t.Helper()
	for _, ch := range changes {
		ch.err = errNotMade
	}
	for try := 0; ; try++ {
		var left []*change
		for _, ch := range changes {
			if ch.err != nil {
				left = append(left, ch)
			}
		}
		if len(left) == 0 {
			return
		}
		if try > 100 {
			t.Errorf("%d changes are not made: %v", len(left), left[0].err)
			return
		}
		if err := c.Apply(t.Context(), left...); err != nil {
			t.Error(err)
			return
		}
	}
}

func (s *memoryStore) segments() (keys []string) {
	for key := range s.values {
		if strings.HasPrefix(key, "%_events_") {
			keys = append(keys, key)
		}
	}
	return keys
}

// TestSegmentsRememberEveryEvent sends many events of one user, and then copies of
// all of them, alone and in batches, to another replica.
func TestSegmentsRememberEveryEvent(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 7, 250} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(noon)) //nolint:forbidigo // the clock of the bubble
				const distinct = 9000
				s := newMemoryStore()
				c := testCounter(s)
				largest := 0
				for i := 0; i < distinct; i += size {
					var changes []*change
					for n := i; n < min(distinct, i+size); n++ {
						changes = append(changes, sent(fmt.Sprint(n), n))
					}
					applyAll(t, c, changes...)
					largest = max(largest, len(s.values["alice"]))
				}
				mustCount(t, c, "alice", distinct)
				if limit := 10_000 + 160*size; largest > limit {
					t.Errorf("the document had up to %d bytes; want at most %d", largest, limit)
				}
				other := testCounter(s)
				copies := rand.New(rand.NewPCG(1, 2)).Perm(distinct)
				for i := 0; i < distinct; i += size {
					var changes []*change
					for _, n := range copies[i:min(distinct, i+size)] {
						changes = append(changes, sent(fmt.Sprint(n), n))
					}
					applyAll(t, other, changes...)
				}
				mustCount(t, other, "alice", distinct)
			})
		})
	}
}

// TestCostDoesNotGrow holds that a user with many events costs as many calls as one
// with few, and that few segments are named.
func TestCostDoesNotGrow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(noon)) //nolint:forbidigo // the clock of the bubble
		s := newMemoryStore()
		c := testCounter(s)
		const all, block = 100_000, 1000
		for i := 0; i < all; i += 500 {
			var changes []*change
			for n := i; n < i+500; n++ {
				changes = append(changes, sent(fmt.Sprint(n), n))
			}
			applyAll(t, c, changes...)
		}
		s.gets = 0
		s.puts = 0
		for n := range block {
			applyAll(t, c, sent(fmt.Sprint("late ", n), all+n))
		}
		if s.gets > block/10 || s.puts > block+block/10 {
			t.Errorf("%d events cost %d reads and %d writes", block, s.gets, s.puts)
		}
		d, err := decodeDocument("alice", []byte(s.values["alice"]))
		if err != nil || len(d.sealed) > 4*mergeCount {
			t.Errorf("the document names %d segments, %v; want few", len(d.sealed), err)
		}
	})
}

// TestSegmentsSurviveAnUnreliableStore lets two replicas count the same events of a
// hot user on a store whose calls fail at random, before or after they took effect,
// so that the process might as well have died there.
func TestSegmentsSurviveAnUnreliableStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(noon)) //nolint:forbidigo // the clock of the bubble
		s := newMemoryStore()
		random := rand.New(rand.NewPCG(3, 4))
		s.fail = func(string) fault {
			return []fault{noFault, noFault, noFault, noFault, failBefore, failAfter}[random.IntN(6)]
		}
		replicas := []*counter{testCounter(s), testCounter(s)}
		const distinct, size, copies = 6000, 60, 3
		var all sync.WaitGroup
		for worker := range 2 * copies {
			all.Go(func() {
				for i := 0; i < distinct; i += size {
					var changes []*change
					for n := i; n < i+size; n++ {
						if n%2 == worker%2 {
							changes = append(changes, sent(fmt.Sprint(n), n))
						}
					}
					applyAll(t, replicas[worker/2%2], changes...)
				}
			})
		}
		all.Wait()
		s.fail = func(string) fault { return noFault }
		mustCount(t, replicas[0], "alice", distinct)
		if len(s.segments()) == 0 {
			t.Error("nothing was sealed")
		}
	})
}

// TestALostSegmentIsNotGuessed holds that an event whose copies may have been counted
// is not counted, and that the others are.
func TestALostSegmentIsNotGuessed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(noon)) //nolint:forbidigo // the clock of the bubble
		s := newMemoryStore()
		c := testCounter(s)
		for n := range 3 * recentLimit {
			applyAll(t, c, sent(fmt.Sprint(n), n))
		}
		for _, key := range s.segments() {
			delete(s.values, key)
			delete(s.etags, key)
		}
		other := testCounter(s)
		copied := sent("0", 0)
		late := sent("late", 5*recentLimit)
		applyAll(t, other, copied, late)
		if copied.verdict != forgotten || late.verdict != accepted {
			t.Errorf("verdicts %v and %v; want forgotten and accepted", copied.verdict, late.verdict)
		}
		mustCount(t, other, "alice", 3*recentLimit+1)
	})
}

// TestSegmentsExpire holds that a segment lives as long as its document remembers it,
// whatever times its events have.
func TestSegmentsExpire(t *testing.T) {
	t.Parallel()
	m := remembered(noon)
	for name, happened := range map[string]time.Time{
		"now": noon, "days ago": noon.Add(-72 * time.Hour), "in half an hour": noon.Add(30 * time.Minute),
	} {
		d := &document{}
		d.apply(at("a", happened), m)
		sealed, err := d.seal(0, m)
		if err != nil {
			t.Fatal(err)
		}
		gone := noon
		for ; len(d.sealed) > 0; gone = gone.Add(time.Minute) {
			d.forget(gone, m.window)
		}
		if expires := noon.Add(sealed.TTL); expires.Before(gone) || expires.After(gone.Add(2*expiryMargin)) {
			t.Errorf("%s: forgotten at %s, expires at %s; want it after that, but soon", name, gone, expires)
		}
		if gone.Before(noon.Add(m.window)) {
			t.Errorf("%s: forgotten at %s, within the window", name, gone)
		}
	}
}

// TestWrongGuessesAreFound lets the ETags be other numbers than the cache guesses.
func TestWrongGuessesAreFound(t *testing.T) {
	t.Parallel()
	for _, step := range []int{0, 2} {
		s := &oddStore{memoryStore: newMemoryStore(), step: step}
		c := testCounter(s)
		for n := range 500 {
			applyAll(t, c, sent(fmt.Sprint(n%400), n%400))
		}
		mustCount(t, c, "alice", 400)
	}
}

// forgetfulStore calls keys missing that it has, in every second read of several keys.
type forgetfulStore struct {
	*memoryStore
	reads atomic.Int32
}

func (s *forgetfulStore) Get(ctx context.Context, keys ...string) ([]state.Stored, error) {
	found, err := s.memoryStore.Get(ctx, keys...)
	if len(keys) > 1 && s.reads.Add(1)%2 == 1 {
		clear(found[1:])
	}
	return found, err
}

// TestKeysThatOnlySeemMissing holds that an event is neither lost nor counted twice when
// a store that fails calls documents and segments missing.
func TestKeysThatOnlySeemMissing(t *testing.T) {
	t.Parallel()
	s := &forgetfulStore{memoryStore: newMemoryStore()}
	const events = 5 * recentLimit
	for _, copies := range []bool{false, true} {
		for n := 0; n < events; n += 2 {
			changes := []*change{sent(fmt.Sprint(n), n), sent(fmt.Sprint(n+1), n+1), sent(fmt.Sprint("b", n), n)}
			changes[2].user = "bob"
			applyAll(t, testCounter(s), changes...)
			for i, ch := range changes {
				if ch.verdict != duplicate && (copies || ch.verdict != accepted) {
					t.Fatalf("change %d of %d, copies %t: %v", i, n, copies, ch.verdict)
				}
			}
		}
	}
	mustCount(t, testCounter(s), "alice", events)
	mustCount(t, testCounter(s), "bob", events/2)
}

// oddStore has ETags that go up by another step than 1, or are no numbers.
type oddStore struct {
	*memoryStore
	step int
}

func (s *oddStore) Get(ctx context.Context, keys ...string) ([]state.Stored, error) {
	found, err := s.memoryStore.Get(ctx, keys...)
	for i := range found {
		if found[i].ETag != "" {
			found[i].ETag = s.odd(found[i].ETag)
		}
	}
	return found, err
}

func (s *oddStore) odd(etag string) string {
	if s.step == 0 {
		return "e" + etag
	}
	return etag + "0"
}

func (s *oddStore) Put(ctx context.Context, items ...state.Put) error {
	for i := range items {
		var plain string
		switch etag := items[i].ETag; {
		case etag == "":
		case s.step == 0 && strings.HasPrefix(etag, "e"):
			plain = etag[1:]
		case s.step == 2 && strings.HasSuffix(etag, "0"):
			plain = strings.TrimSuffix(etag, "0")
		default:
			return errors.New("etag mismatch")
		}
		items[i].ETag = plain
	}
	return s.memoryStore.Put(ctx, items...)
}

// TestADocumentOfVersion1IsSealed holds that the ids of a document of version 1, of
// which it could have ten thousand, move into a segment.
func TestADocumentOfVersion1IsSealed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(noon)) //nolint:forbidigo // the clock of the bubble
		var events entries
		for n := range 10_000 {
			events.add(digest(fmt.Sprint(n)), noon.UnixMilli()+int64(n))
		}
		s := newMemoryStore()
		s.set("alice", fmt.Sprintf(`{"message_count":10000,"recent":[{"at":%d,"events":%q}]}`, noon.Unix(), events))
		c := testCounter(s)
		applyAll(t, c, sent("new", 10_000), sent("0", 0), sent("9999", 9999))
		mustCount(t, c, "alice", 10_001)
		if size := len(s.values["alice"]); size > 1000 {
			t.Errorf("the document has %d bytes; want its ids sealed", size)
		}
		applyAll(t, testCounter(s), sent("0", 0), sent("9999", 9999), sent("new", 10_000))
		mustCount(t, c, "alice", 10_001)
	})
}

// TestAReusedKeyIsFoundBesideSegments holds that a key with another content is told
// from a copy, whether the first request is in the document or in a segment.
func TestAReusedKeyIsFoundBesideSegments(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(noon)) //nolint:forbidigo // the clock of the bubble
		c := testCounter(newMemoryStore())
		seal := func(from int) {
			for n := range recentLimit + 10 { // some are left in the document
				applyAll(t, c, sent(fmt.Sprint(from+n), from+n))
			}
		}
		set := func(n int64) verdict {
			ch, err := c.do(t.Context(), "alice", request("initialize", "k", fmt.Sprint(n), setTo(n)))
			if err != nil {
				t.Fatal(err)
			}
			return ch.verdict
		}
		seal(0)
		if v := set(5); v != accepted {
			t.Errorf("the first request: verdict %v; want accepted", v)
		}
		for _, where := range []string{"document", "segment"} {
			if v := set(5); v != duplicate {
				t.Errorf("a copy of the request, which is in the %s: verdict %v; want duplicate", where, v)
			}
			if v := set(6); v != reused {
				t.Errorf("another count, the request being in the %s: verdict %v; want reused_key", where, v)
			}
			seal(1000)
		}
	})
}
