package activity

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"daca/services/internal/contract"
	"daca/services/internal/state"
	"daca/services/internal/state/statetest"
)

// replicaOn starts a replica on the store, which ends with the test.
func replicaOn(t *testing.T, s state.Store, name string) *Activity {
	t.Helper()
	a := New(s, name, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { a.Run(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
	return a
}

// count records that an event of the user was counted now.
func count(a *Activity, id, user string, n int64) {
	now := time.Now()
	a.Record(slices.Values([]Record{{
		ID: id, Type: contract.MessageSent, UserID: contract.UserID(user),
		Received: now.Add(-3 * time.Second), Answered: now.Add(-2 * time.Second), Delivered: now.Add(-time.Second),
		Counted: now, Stored: 600 * time.Microsecond, Count: n, Outcome: Counted,
	}}))
}

func look(t *testing.T, a *Activity) View {
	t.Helper()
	v, err := a.Look(t.Context())
	if err != nil {
		t.Fatalf("looking: %v", err)
	}
	return v
}

// ids returns the ids of the events, in their order.
func ids(v View) string {
	var all []string
	for _, e := range v.Events {
		all = append(all, e.ID)
	}
	return strings.Join(all, " ")
}

// total returns how many events were counted in the minutes.
func total(v View) (n int) {
	for _, m := range v.Minutes {
		n += m.Counted
	}
	return n
}

// pass lets time pass, and what is due be done.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// TestReplicasSeeEachOther has one replica count and the other be asked.
func TestReplicasSeeEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &statetest.Store{}
		a, b := replicaOn(t, s, "a"), replicaOn(t, s, "b")
		count(a, "1", "alice", 1) // before somebody looks
		pass(time.Second)
		if got := ids(look(t, b)); got != "" {
			t.Errorf("b shows %q before a has written", got)
		}
		pass(askEvery)
		count(a, "2", "alice", 2)
		count(b, "3", "bob", 1)
		pass(askEvery)
		want := "1 2 3"
		for _, asked := range []*Activity{b, a, b} {
			v := look(t, asked)
			if got := ids(v); got != want || total(v) != 3 {
				t.Errorf("replica %s shows %q, and %d counted; want %q", asked.name, got, total(v), want)
			}
			if len(v.Users) != 2 || v.Users[0].UserID != "bob" || v.Users[1].UserID != "alice" || v.Users[1].Count != 2 {
				t.Errorf("the users are %+v", v.Users)
			}
			if e := v.Events[0]; e.Replica != "a" || *e.Count != 1 || e.StoredMS != 0.6 ||
				!e.ReceivedAt.Equal(e.CountedAt.Add(-3*time.Second)) || e.CountedAt.Location() != time.UTC {
				t.Errorf("the first event is %+v", e)
			}
			pass(time.Second)
		}
		count(b, "4", "bob", 2)
		pass(flushEvery)
		if got := ids(look(t, a)); got != "1 2 3 4" {
			t.Errorf("a shows %q half a second after b has counted", got)
		}
	})
}

// TestNobodyLooks holds what it costs then: a read every other second while events are
// counted, no write, and nothing at all while none are.
func TestNobodyLooks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var gets, puts atomic.Int32
		s := &statetest.Store{Fail: func(call string, _ ...string) statetest.Fault {
			if call == "get" {
				gets.Add(1)
			} else {
				puts.Add(1)
			}
			return statetest.None
		}}
		a := replicaOn(t, s, "a")
		busy := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); pass(50 * time.Millisecond) {
				count(a, fmt.Sprint(time.Now().UnixNano()), "alice", 1)
			}
			pass(askEvery) // what is due is done
		}
		busy(20 * time.Second)
		if n := gets.Load(); n > 12 || puts.Load() != 0 {
			t.Errorf("%d reads and %d writes in 20 s; want one every 2 s, and none", n, puts.Load())
		}
		before := gets.Load()
		pass(time.Hour)
		if n := gets.Load() - before; n != 0 {
			t.Errorf("%d reads while nothing is counted", n)
		}

		look(t, a)
		puts.Store(0)
		busy(5 * time.Second)
		if n := puts.Load(); n < 9 || n > 12 {
			t.Errorf("%d writes in 5 s while somebody looks; want two a second", n)
		}
		pass(2 * watchFor)
		puts.Store(0)
		busy(20 * time.Second)
		if n := puts.Load(); n != 0 {
			t.Errorf("%d writes after somebody has looked", n)
		}
	})
}

// TestManyWhoLook holds that the store is asked five times a second, however many look,
// and is told every three seconds that they do.
func TestManyWhoLook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var gets, puts atomic.Int32
		s := &statetest.Store{Fail: func(call string, _ ...string) statetest.Fault {
			if call == "get" {
				gets.Add(1)
			} else {
				puts.Add(1)
			}
			return statetest.None
		}}
		a := replicaOn(t, s, "a")
		for range 1000 {
			look(t, a)
			pass(10 * time.Millisecond)
		}
		if gets.Load() > 51 || puts.Load() > 4 {
			t.Errorf("%d reads and %d writes in 10 s", gets.Load(), puts.Load())
		}
	})
}

// TestClocksDiffer holds that replicas know of each other's watchers also if a clock is
// far ahead or behind.
func TestClocksDiffer(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{-time.Hour, -30 * time.Second, 0, 30 * time.Second, time.Hour} {
		var w watch
		now := time.Date(2026, 1, 2, 15, 4, 0, 0, time.UTC)
		for range 10 {
			w.read(now.Add(ahead+watchFor), now)
			now = now.Add(extendAfter)
		}
		if !w.on(now) {
			t.Errorf("a watcher whose clock is %s ahead is not noticed", ahead)
		}
		for range 5 {
			now = now.Add(extendAfter)
			w.read(now.Add(-2*watchFor), now.Add(time.Minute))
		}
		if now = now.Add(2 * time.Minute); w.on(now) {
			t.Errorf("a watcher whose clock is %s ahead never leaves", ahead)
		}
	}
	var w watch
	now := time.Date(2026, 1, 2, 15, 4, 0, 0, time.UTC)
	w.read(now.Add(time.Hour), now)
	if w.read(now.Add(time.Hour), now.Add(time.Second)); w.on(now.Add(time.Second)) {
		t.Error("a document of a clock that is an hour ahead is watched, although it does not change")
	}
}

// TestTheStoreIsAway holds that recording never waits, that looking fails, and that
// nothing is lost.
func TestTheStoreIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var away atomic.Bool
		hang := make(chan struct{})
		s := &statetest.Store{Fail: func(string, ...string) statetest.Fault {
			if away.Load() {
				return statetest.Before
			}
			return statetest.None
		}}
		var log logged
		a := New(hangingStore{s, &away, hang}, "a", slog.New(slog.NewTextHandler(&log, nil)), prometheus.NewRegistry())
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { a.Run(ctx) })
		b := replicaOn(t, s, "b")
		look(t, a)
		away.Store(true)
		begin := time.Now()
		for i := range 100 {
			count(a, fmt.Sprint(i), "alice", int64(i+1))
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("recording waited %s for the store", took)
		}
		for range 3 {
			pass(5 * time.Second)
			before := time.Now()
			if v, err := a.Look(t.Context()); err == nil {
				t.Errorf("looking shows %s without a store", ids(v))
			}
			if took := time.Since(before); took > 2*budget {
				t.Errorf("looking took %s", took)
			}
		}
		if n := strings.Count(log.String(), "level=WARN"); n != 1 {
			t.Errorf("%d warnings for one outage:\n%s", n, log.String())
		}
		away.Store(false)
		close(hang)
		pass(askEvery + budget)
		look(t, b)
		count(a, "100", "alice", 101)
		pass(askEvery)
		if got := look(t, b); total(got) != 101 || len(got.Events) != maxEvents || got.Events[maxEvents-1].ID != "100" {
			t.Errorf("after the outage b shows %d counted and %s", total(got), ids(got))
		}
		stop()
		running.Wait()
	})
}

// hangingStore does not answer while it is away.
type hangingStore struct {
	*statetest.Store
	away *atomic.Bool
	back chan struct{}
}

func (h hangingStore) Get(ctx context.Context, keys ...string) ([]state.Stored, error) {
	if h.away.Load() {
		select {
		case <-ctx.Done():
		case <-h.back:
		}
	}
	return h.Store.Get(ctx, keys...)
}

// logged is a log, for concurrent use.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestNothingIsLeftBehind holds that an event is written that came too soon after the last
// write.
func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &statetest.Store{}
		a, b := replicaOn(t, s, "a"), replicaOn(t, s, "b")
		count(a, "1", "alice", 1)
		pass(askEvery - flushEvery/2) // a asks again in a quarter of a second
		look(t, a)                    // which writes
		count(a, "2", "alice", 2)
		pass(2 * flushEvery)
		if got := ids(look(t, b)); got != "1 2" {
			t.Errorf("b shows %q; want 1 2", got)
		}
	})
}

// TestAStopTellsWhatWasCountedLast holds that events of a replica that stops are seen.
func TestAStopTellsWhatWasCountedLast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &statetest.Store{}
		a := New(s, "a", slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		b := replicaOn(t, s, "b")
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { a.Run(ctx) })
		look(t, b)
		count(a, "1", "alice", 1)
		synctest.Wait()
		count(a, "2", "alice", 2)
		stop()
		running.Wait()
		pass(time.Second)
		if got := ids(look(t, b)); got != "1 2" {
			t.Errorf("b shows %q; want what a counted until it stopped", got)
		}
	})
}

// TestWritesThatSeemToFail holds that a write that is made again changes nothing.
func TestWritesThatSeemToFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		s := &statetest.Store{Fail: func(call string, _ ...string) statetest.Fault {
			if call == "put" && calls.Add(1)%2 == 1 {
				return statetest.After
			}
			return statetest.None
		}}
		replicas := []*Activity{replicaOn(t, s, "a"), replicaOn(t, s, "b"), replicaOn(t, s, "c")}
		for i := range 25 {
			for _, a := range replicas {
				count(a, fmt.Sprint(a.name, i), "alice", int64(i))
				look(t, a)
			}
			pass(100 * time.Millisecond)
		}
		pass(askEvery)
		for _, a := range replicas {
			if v := look(t, a); total(v) != 75 || len(v.Events) != maxEvents {
				t.Errorf("%s shows %d counted and %d events; want 75 and %d", a.name, total(v), len(v.Events), maxEvents)
			}
		}
	})
}

// TestTheDocumentStaysSmall holds the bound of the document, whatever strangers publish and
// however many replicas there are, and that it is forgotten.
func TestTheDocumentStaysSmall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &statetest.Store{}
		var records []Record
		for n := range maxEvents {
			records = append(records, Record{
				ID: fmt.Sprint(n, strings.Repeat("\x01", 1000)), Type: contract.MessageSent,
				UserID:  contract.UserID(strings.Repeat("\U0010FFFF", contract.MaxUserIDLength)),
				Counted: time.Now(), Outcome: DeadLetter, Reason: strings.Repeat("\x01", 5000),
			})
		}
		for i := range 3 * maxReplicas {
			a := New(s, strings.Repeat("\x01", 1000), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
			a.Record(slices.Values(records))
			for m := range maxMinutes {
				a.ring.minutes.add(minuteOf(time.Now()) - maxMinutes + 1 + int64(m))
				a.ring.minutes.counted[m] = 1_000_000_000
			}
			look(t, a)
			if n := len(s.Value(contract.ActivityKey)); n > maxDocument {
				t.Fatalf("with %d replicas the document has %d bytes", i+1, n)
			}
		}
		a := New(s, "a", slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		if v := look(t, a); len(v.Events) < 10 {
			t.Errorf("only %d events are kept", len(v.Events))
		}
		pass(keepFor + time.Second)
		if value := s.Value(contract.ActivityKey); value != nil {
			t.Errorf("an hour later there is %.100s", value)
		}
	})
}

// TestADamagedDocumentBeginsAgain holds that nothing that is stored makes looking fail.
func TestADamagedDocumentBeginsAgain(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		`{`, `null`, `[]`, `{"events":7}`, `{"replicas":[{"id":"x","last":-5,"counted":[1,2]}]}`,
	} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &statetest.Store{}
				if err := s.Put(t.Context(), state.Put{Key: contract.ActivityKey, Value: []byte(value)}); err != nil {
					t.Fatal(err)
				}
				a := replicaOn(t, s, "a")
				count(a, "1", "alice", 1)
				pass(time.Second)
				if v := look(t, a); ids(v) != "1" || total(v) != 1 {
					t.Errorf("it shows %q, %d", ids(v), total(v))
				}
				if d := decode(s.Value(contract.ActivityKey)); len(d.Events) != 1 {
					t.Errorf("the document has %d events; want 1", len(d.Events))
				}
			})
		})
	}
}

// TestTheDocumentIsForgotten holds that a replica writes again what the store has lost.
func TestTheDocumentIsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &statetest.Store{}
		a, b := replicaOn(t, s, "a"), replicaOn(t, s, "b")
		look(t, a)
		count(a, "1", "alice", 1)
		pass(time.Second)
		if err := s.Delete(t.Context(), contract.ActivityKey); err != nil {
			t.Fatal(err)
		}
		look(t, a)
		pass(time.Second)
		if got := ids(look(t, b)); got != "1" {
			t.Errorf("b shows %q; want what a knows", got)
		}
	})
}

func TestRing(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, maxEvents - 1, maxEvents, maxEvents + 1, 2 * maxEvents, 3*maxEvents + 7} {
		var r ring
		for i := range n {
			r.add(Record{Count: int64(i)})
		}
		records := r.appendTo(nil)
		if len(records) != min(n, maxEvents) {
			t.Errorf("of %d records %d are remembered", n, len(records))
		}
		for i, rec := range records {
			if want := int64(n - len(records) + i); rec.Count != want {
				t.Errorf("of %d records, number %d is %d; want %d", n, i, rec.Count, want)
			}
		}
	}
}

func TestMinutes(t *testing.T) {
	t.Parallel()
	var m minutes
	for _, minute := range []int64{100, 101, 101, 128, 128, 100, 128} { // one comes late
		m.add(minute)
	}
	list := m.list()
	if m.last != 128 || list[29] != 3 || list[2] != 2 || list[1] != 2 || list[0] != 0 {
		t.Errorf("the counts up to %d are %v", m.last, list)
	}
	if m.add(131); m.list()[29] != 1 || m.list()[26] != 3 || m.list()[0] != 0 {
		t.Errorf("the counts up to %d are %v", m.last, m.list())
	}
	if m.add(500); m.last != 500 || m.list()[29] != 1 || m.list()[28] != 0 {
		t.Errorf("after hours the counts up to %d are %v", m.last, m.list())
	}
	if m.add(200); m.last != 200 || m.list()[29] != 1 {
		t.Errorf("after the clock was set back the counts up to %d are %v", m.last, m.list())
	}
}

// TestRecordAllocatesNothingThatGrows is not parallel, because it counts allocations.
func TestRecordAllocatesNothingThatGrows(t *testing.T) {
	a := New(&statetest.Store{}, "a", slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	allocations := func(n int) float64 {
		records := make([]Record, n)
		return testing.AllocsPerRun(100, func() { a.Record(slices.Values(records)) })
	}
	if one, many := allocations(1), allocations(1000); many > one {
		t.Errorf("recording 1000 events allocates %v times; one %v times", many, one)
	}
}

func BenchmarkRecord(b *testing.B) {
	a := New(&statetest.Store{}, "a", slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	now := time.Now()
	batch := make([]Record, 250)
	for i := range batch {
		batch[i] = Record{ID: "0f0bd9ec-8a3c-5a0e-8f5a", UserID: "alice", Counted: now, Outcome: Counted}
	}
	for b.Loop() {
		a.Record(slices.Values(batch))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(batch)), "ns/event")
}
