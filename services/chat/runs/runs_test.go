package runs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"daca/services/internal/contract"
	"daca/services/internal/plainjson"
	"daca/services/internal/state"
	"daca/services/internal/state/statetest"
)

// replica is a process with runs.
type replica struct {
	*Manager

	line    *line
	mu      sync.Mutex
	settled []string // the effects that were settled
	settle  func()   // called before that
}

// line is how a replica reaches the store.
type line struct {
	*statetest.Store

	cut atomic.Bool // as if the replica were dead
}

var errCut = errors.New("the replica is cut off")

// Get implements state.Reader.
func (l *line) Get(ctx context.Context, keys ...string) ([]state.Stored, error) {
	if l.cut.Load() {
		return nil, errCut
	}
	return l.Store.Get(ctx, keys...)
}

// Put implements state.Writer.
func (l *line) Put(ctx context.Context, items ...state.Put) error {
	if l.cut.Load() {
		return errCut
	}
	return l.Store.Put(ctx, items...)
}

// start returns a replica, which must have no more runs at the end of the test.
func start(t *testing.T, store *statetest.Store, change ...func(*Config)) *replica {
	t.Helper()
	r := &replica{line: &line{Store: store}}
	cfg := Config{
		Store: r.line, Longest: 2 * time.Minute, MaxRuns: 10, MaxFollowers: 10,
		Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
		Settle: func(_ context.Context, _ Info, o Outcome) Outcome {
			if r.settle != nil {
				r.settle()
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			r.settled = append(r.settled, string(o.Effects))
			return o
		},
	}
	for _, c := range change {
		c(&cfg)
	}
	r.Manager = New(cfg)
	t.Cleanup(func() { r.Close(context.Background()) })
	return r
}

func (r *replica) effects() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.settled...)
}

// words is a producer of words, one each interval, and of an answer with them. It stops
// when it is told to.
func words(interval time.Duration, all ...string) func(context.Context, func(Entry)) Outcome {
	return func(ctx context.Context, emit func(Entry)) Outcome {
		said := ""
		for _, word := range all {
			select {
			case <-time.After(interval):
			case <-ctx.Done():
				if errors.Is(context.Cause(ctx), ErrStopped) {
					return answer(Stopped, Cut, said)
				}
				return Fail(500, context.Cause(ctx).Error())
			}
			if word == "<tool>" {
				emit(Entry{Kind: ToolCall, Data: []byte(`{"id":"c1"}`)})
				continue
			}
			emit(Entry{Kind: Token, Text: word})
			said += word
		}
		return answer(Answered, Message, said)
	}
}

func answer(state State, kind Kind, text string) Outcome {
	data, _ := json.Marshal(map[string]string{"reply": text})
	return Outcome{State: state, Last: Entry{Kind: kind, Data: data}, Effects: []byte(`"event"`)}
}

func job(produce func(context.Context, func(Entry)) Outcome) Job {
	return Job{ID: NewID(), UserID: "alice", SessionID: "s", Produce: produce}
}

// launch starts a run and leaves it alone.
func (r *replica) launch(t *testing.T, produce func(context.Context, func(Entry)) Outcome) string {
	t.Helper()
	j := job(produce)
	f, err := r.Start(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	return j.ID
}

// heard is what a follower got.
type heard struct {
	text  string
	kinds string // of all that is no text
	last  Entry
	err   error
	at    Cursor
}

func (h *heard) add(events []Event) {
	for _, e := range events {
		switch e.Kind {
		case Token:
			h.text += e.Text
		default:
			h.kinds += string(e.Kind) + " "
			h.last = e.Entry
		}
		h.at = e.After
	}
}

// listen follows a run to its end.
func (r *replica) listen(id string, after Cursor) heard {
	h := heard{at: after}
	f, err := r.Follow(context.Background(), id, after)
	if err != nil {
		h.err = err
		return h
	}
	defer f.Close()
	for {
		events, err := f.Next(context.Background())
		if err != nil {
			if !errors.Is(err, io.EOF) {
				h.err = err
			}
			return h
		}
		h.add(events)
	}
}

func (h heard) expect(t *testing.T, text, kinds string) {
	t.Helper()
	if h.text != text || strings.TrimSpace(h.kinds) != kinds || h.err != nil {
		t.Errorf("a follower got %q (%d bytes) and %s%s, %v; want %q (%d bytes) and %s",
			short(h.text), len(h.text), h.kinds, h.last.Data, h.err, short(text), len(text), kinds)
	}
}

func short(text string) string { return text[:min(len(text), 100)] }

func TestARunIsTheSameOnEachReplica(t *testing.T) {
	t.Parallel()
	for _, numbered := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			store := &statetest.Store{Numbered: numbered}
			a, b := start(t, store), start(t, store)
			id := a.launch(t, words(20*time.Millisecond, "one ", "two ", "<tool>", "three"))
			for _, r := range []*replica{a, b, a} { // the last one comes after the end
				h := r.listen(id, Cursor{})
				h.expect(t, "one two three", "tool_call message")
				if !h.at.AtEnd() || string(h.last.Data) != `{"reply":"one two three"}` {
					t.Errorf("the last event is %s at %s", h.last.Data, h.at)
				}
			}
			if diff := cmp.Diff([]string{`"event"`}, a.effects()); diff != "" || len(b.effects()) > 0 {
				t.Errorf("settled (-want +got):\n%s, and on the other replica %v", diff, b.effects())
			}
			info, err := b.Get(t.Context(), id)
			if err != nil || info.State != Answered || info.UserID != "alice" || info.SessionID != "s" ||
				info.Ended.IsZero() || info.Last == nil || info.Last.Kind != Message || info.Died {
				t.Errorf("Get = %+v, %v", info, err)
			}
		})
	}
}

// TestEveryCutIsPickedUp reads runs with many cuts, each of them picked up on any replica,
// while calls of the store fail before or after they have their effect.
func TestEveryCutIsPickedUp(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			var mu sync.Mutex
			store := &statetest.Store{Numbered: seed%2 == 0, Fail: func(string, ...string) statetest.Fault {
				mu.Lock()
				defer mu.Unlock()
				return []statetest.Fault{statetest.Before, statetest.After, 0, 0, 0, 0, 0, 0}[random.IntN(8)]
			}}
			if seed%3 == 0 {
				store.Fail = nil
			}
			all := make([]string, 50+random.IntN(200))
			text, kinds := "", ""
			for i := range all {
				all[i] = strings.Repeat(fmt.Sprintf("%d-é😀 ", i), 1+random.IntN(60))
				if random.IntN(20) == 0 {
					all[i] = "<tool>"
					kinds += "tool_call "
					continue
				}
				text += all[i]
			}
			replicas := []*replica{start(t, store), start(t, store)}
			id := replicas[0].launch(t, words(time.Duration(1+random.IntN(60))*time.Millisecond, all...))
			h := heard{}
			for cuts := 0; !h.at.AtEnd(); cuts++ {
				mu.Lock()
				on, reads, wait := random.IntN(2), random.IntN(4), time.Duration(random.IntN(400))*time.Millisecond
				mu.Unlock()
				after, err := ParseCursor(h.at.String())
				if err != nil {
					t.Fatal(err)
				}
				if h.at.IsZero() {
					after = Cursor{}
				}
				f, err := replicas[on].Follow(t.Context(), id, after)
				if store.Fail != nil && (errors.Is(err, ErrUnavailable) || errors.Is(err, ErrUnknown)) {
					pause(t.Context(), time.Millisecond) // perhaps the run is not stored yet
					continue
				}
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				for range reads {
					ctx, cancel := context.WithTimeout(t.Context(), wait)
					events, _ := f.Next(ctx)
					cancel()
					h.add(events)
				}
				f.Close()
			}
			h.expect(t, text, strings.TrimSpace(kinds+"message"))
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
			if n := len(replicas[0].effects()); n != 1 || len(replicas[1].effects()) != 0 {
				t.Fatalf("seed %d: the answer led to something %d times", seed, n)
			}
		})
	}
}

// TestALongAnswerIsSealed holds that documents stay small, and that nothing is lost.
func TestALongAnswerIsSealed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &statetest.Store{Numbered: true}
		a, b := start(t, store), start(t, store)
		all := make([]string, 2000)
		for i := range all {
			all[i] = fmt.Sprintf("%6d <b>%s", i, strings.Repeat("x", 90))
		}
		text := strings.Join(all, "")
		largest := 0
		id := a.launch(t, words(time.Millisecond, append(all, "")...))
		followers := make([]heard, 4)
		var following sync.WaitGroup
		for i := range followers {
			following.Go(func() {
				pause(t.Context(), time.Duration(i)*700*time.Millisecond)
				followers[i] = b.listen(id, Cursor{})
			})
		}
		for {
			value := store.Value(contract.RunKey(id))
			d, err := decodeDocument(value)
			if err != nil {
				t.Fatal(err)
			}
			if d.State != Running {
				break
			}
			largest = max(largest, len(value))
			pause(t.Context(), 10*time.Millisecond)
		}
		following.Wait()
		for _, h := range append(followers, a.listen(id, Cursor{}), b.listen(id, Cursor{})) {
			h.expect(t, text, "message")
		}
		if largest > 3*maxEntries/2 {
			t.Errorf("the document grew to %d bytes; want about %d", largest, maxEntries)
		}
	})
}

// TestStop stops a run on its own replica and on another one.
func TestStop(t *testing.T) {
	t.Parallel()
	for on := range 2 {
		for _, numbered := range []bool{true, false} {
			for name, interval := range map[string]time.Duration{"fast": 10 * time.Millisecond, "slow": time.Minute} {
				synctest.Test(t, func(t *testing.T) {
					store := &statetest.Store{Numbered: numbered}
					replicas := []*replica{start(t, store), start(t, store)}
					many := make([]string, 1000)
					for i := range many {
						many[i] = "word "
					}
					id := replicas[0].launch(t, words(interval, many...))
					pause(t.Context(), time.Second)
					begun := time.Now()
					info, err := replicas[on].Stop(t.Context(), id)
					if err != nil || info.State != Running {
						t.Errorf("Stop = %+v, %v", info, err)
					}
					h := replicas[1].listen(id, Cursor{})
					if took := time.Since(begun); took > 900*time.Millisecond {
						t.Errorf("%s run: it stopped after %s", name, took)
					}
					if h.last.Kind != Cut || string(h.last.Data) != fmt.Sprintf(`{"reply":%q}`, h.text) {
						t.Errorf("the last event is %s %s after %q", h.last.Kind, h.last.Data, h.text)
					}
					if (h.text == "") != (name == "slow") {
						t.Errorf("%s run: the text is %q", name, h.text)
					}
					for _, r := range replicas { // again, after the end
						if info, err := r.Stop(t.Context(), id); err != nil || info.State != Stopped {
							t.Errorf("Stop of what has ended = %+v, %v", info, err)
						}
					}
				})
			}
		}
	}
}

// TestTheOwnerDies holds that followers learn it, that the owner finds out when it comes
// back, and that the run leads to nothing.
func TestTheOwnerDies(t *testing.T) {
	t.Parallel()
	for _, numbered := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			store := &statetest.Store{Numbered: numbered}
			a, b, c := start(t, store), start(t, store), start(t, store)
			cause := make(chan error, 1)
			id := a.launch(t, func(ctx context.Context, emit func(Entry)) Outcome {
				emit(Entry{Kind: Token, Text: "Hello "})
				<-ctx.Done()
				cause <- context.Cause(ctx)
				return answer(Answered, Message, "it is too late for this")
			})
			heardOn := map[*replica]chan heard{a: make(chan heard, 1), b: make(chan heard, 1), c: make(chan heard, 1)}
			for r, got := range heardOn {
				go func() { got <- r.listen(id, Cursor{}) }()
			}
			pause(t.Context(), 5*time.Second)
			a.line.cut.Store(true)
			begun := time.Now()
			for _, r := range []*replica{b, c} {
				h := <-heardOn[r]
				h.expect(t, "Hello ", "error")
				if took := time.Since(begun); took > 12*time.Second || took < 6*time.Second {
					t.Errorf("followers learn it after %s", took)
				}
				if !strings.Contains(string(h.last.Data), `"status":503`) {
					t.Errorf("the error is %s", h.last.Data)
				}
			}
			if info, err := b.Get(t.Context(), id); err != nil || info.State != Failed || !info.Died {
				t.Errorf("Get = %+v, %v; want a run that died", info, err)
			}
			a.line.cut.Store(false)
			if got := <-cause; !errors.Is(got, ErrLost) {
				t.Errorf("the owner is told %v", got)
			}
			h := <-heardOn[a]
			h.expect(t, "Hello ", "error")
			for _, r := range []*replica{a, b, c} {
				if len(r.effects()) > 0 {
					t.Errorf("the run led to %v", r.effects())
				}
			}
		})
	}
}

// TestTheOwnerDiesBeforeItPublishes holds that a run whose outcome is stored leads to what
// it has to, once on each replica at most, and that followers get the answer.
func TestTheOwnerDiesBeforeItPublishes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &statetest.Store{Numbered: true}
		a, b, c := start(t, store), start(t, store), start(t, store)
		back := make(chan struct{})
		a.settle = func() { a.line.cut.Store(true); <-back }
		id := a.launch(t, words(time.Millisecond, "one ", "two"))
		others := make(chan heard, 2)
		for _, r := range []*replica{b, c} {
			go func() { others <- r.listen(id, Cursor{}) }()
		}
		for range 2 {
			h := <-others
			h.expect(t, "one two", "message")
		}
		if got := append(b.effects(), c.effects()...); len(got) != 1 || got[0] != `"event"` {
			t.Errorf("the others settled %v; want it once", got)
		}
		a.line.cut.Store(false)
		close(back)
		h := a.listen(id, Cursor{})
		h.expect(t, "one two", "message")
	})
}

// TestNobodyFollowsWhenTheOwnerDies holds that to ask for the state is enough to find out.
func TestNobodyFollowsWhenTheOwnerDies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &statetest.Store{}
		a, b := start(t, store), start(t, store)
		id := a.launch(t, func(ctx context.Context, _ func(Entry)) Outcome { <-ctx.Done(); return Fail(500, "") })
		pause(t.Context(), time.Second)
		a.line.cut.Store(true)
		begun := time.Now()
		for {
			info, err := b.Get(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if info.Died {
				break
			}
			if time.Since(begun) > 2*signLife {
				t.Fatalf("after %s the run is %s", time.Since(begun), info.State)
			}
			pause(t.Context(), time.Second)
		}
		a.line.cut.Store(false)
	})
}

// TestAnOutageKillsNoRun lets the store fail for everybody, for longer than a dead replica
// is waited for.
func TestAnOutageKillsNoRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		store := &statetest.Store{Numbered: true, Fail: func(string, ...string) statetest.Fault {
			if down.Load() {
				return statetest.Before
			}
			return statetest.None
		}}
		a, b := start(t, store), start(t, store)
		id := a.launch(t, words(time.Second, strings.SplitAfter(strings.Repeat("w ", 60), " ")...))
		got := make(chan heard, 1)
		go func() { got <- b.listen(id, Cursor{}) }()
		pause(t.Context(), 5*time.Second)
		down.Store(true)
		pause(t.Context(), 40*time.Second)
		down.Store(false)
		h := <-got
		h.expect(t, strings.Repeat("w ", 60), "message")
	})
}

// TestWithoutAStore holds that a run is answered while the store is away, and stored when
// it is back.
func TestWithoutAStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &statetest.Store{}
		a, b := start(t, store), start(t, store)
		a.line.cut.Store(true)
		begun := time.Now()
		id := a.launch(t, words(100*time.Millisecond, "one ", "two"))
		h := a.listen(id, Cursor{})
		h.expect(t, "one two", "message")
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("the answer took %s", took)
		}
		if _, err := b.Follow(t.Context(), id, Cursor{}); !errors.Is(err, ErrUnknown) {
			t.Errorf("the other replica knows the run: %v", err)
		}
		h = a.listen(id, Cursor{}) // and again
		h.expect(t, "one two", "message")
		a.line.cut.Store(false)
		pause(t.Context(), maxLateRetry)
		h = b.listen(id, Cursor{})
		h.expect(t, "one two", "message")
		if len(a.effects()) != 1 || a.ownedRun(id) != nil {
			t.Errorf("the run led to %v, and is still here: %t", a.effects(), a.ownedRun(id) != nil)
		}
		b.line.cut.Store(true)
		if _, err := b.Get(t.Context(), id); !errors.Is(err, ErrUnavailable) {
			t.Errorf("without a store Get = %v", err)
		}
		b.line.cut.Store(false)
	})
}

// TestRunsThatCannotBeStoredAreBounded holds that the oldest are given up.
func TestRunsThatCannotBeStoredAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := start(t, &statetest.Store{}, func(c *Config) { c.MaxRuns = 3 })
		a.line.cut.Store(true)
		ids := make([]string, 5)
		for i := range ids {
			ids[i] = a.launch(t, words(0, "w"))
			h := a.listen(ids[i], Cursor{})
			h.expect(t, "w", "message")
			pause(t.Context(), time.Second)
		}
		for i, id := range ids {
			if known := a.ownedRun(id) != nil; known != (i >= 2) {
				t.Errorf("run %d of 5 is known: %t", i, known)
			}
		}
	})
}

func TestLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &statetest.Store{}
		a := start(t, store, func(c *Config) { c.MaxRuns, c.MaxFollowers = 2, 3 })
		b := start(t, store, func(c *Config) { c.MaxFollowers = 1 })
		first, err := a.Start(t.Context(), job(words(time.Second, "a", "b")))
		if err != nil {
			t.Fatal(err)
		}
		id := a.launch(t, words(time.Second, "a", "b"))
		if _, err := a.Start(t.Context(), job(words(0))); !errors.Is(err, ErrBusy) {
			t.Errorf("a third run = %v", err)
		}
		followers := []*Follower{first}
		for range 2 {
			f, err := a.Follow(t.Context(), id, Cursor{})
			if err != nil {
				t.Fatal(err)
			}
			followers = append(followers, f)
		}
		if _, err := a.Follow(t.Context(), id, Cursor{}); !errors.Is(err, ErrBusy) {
			t.Errorf("a fourth follower = %v", err)
		}
		f, err := b.Follow(t.Context(), id, Cursor{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Follow(t.Context(), id, Cursor{}); !errors.Is(err, ErrBusy) {
			t.Errorf("a second follower on another replica = %v", err)
		}
		for _, f := range append(followers, f) {
			f.Close()
			f.Close()
		}
		for _, r := range []*replica{a, b} {
			h := r.listen(id, Cursor{})
			h.expect(t, "ab", "message")
		}
		if _, err := a.Start(t.Context(), job(words(0))); err != nil {
			t.Errorf("after the end of the others a run = %v", err)
		}
	})
}

// TestASlowFollowerHoldsNobodyUp follows without reading.
func TestASlowFollowerHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := start(t, &statetest.Store{})
		begun := time.Now()
		all := strings.SplitAfter(strings.Repeat("w ", 500), " ")
		slow, err := a.Start(t.Context(), job(words(10*time.Millisecond, all...)))
		if err != nil {
			t.Fatal(err)
		}
		defer slow.Close()
		id := slow.Info.ID
		h := a.listen(id, Cursor{})
		h.expect(t, strings.Repeat("w ", 500), "message")
		if took := time.Since(begun); took > 5200*time.Millisecond {
			t.Errorf("the run took %s", took)
		}
		last, err := slow.Last(t.Context())
		if err != nil || last.Kind != Message {
			t.Errorf("the slow one reads %v, %v", last, err)
		}
	})
}

// TestRunsExpire holds that a run can be followed for an hour after its end.
func TestRunsExpire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &statetest.Store{}
		a, b := start(t, store), start(t, store)
		id := a.launch(t, words(time.Second, strings.Repeat("x", 50_000), "y"))
		pause(t.Context(), time.Minute)
		pause(t.Context(), keepFor-2*time.Minute)
		h := b.listen(id, Cursor{})
		h.expect(t, strings.Repeat("x", 50_000)+"y", "message")
		pause(t.Context(), 2*time.Minute)
		for _, r := range []*replica{a, b} {
			if _, err := r.Follow(t.Context(), id, Cursor{}); !errors.Is(err, ErrUnknown) {
				t.Errorf("after an hour Follow = %v", err)
			}
			if _, err := r.Get(t.Context(), id); !errors.Is(err, ErrUnknown) {
				t.Errorf("after an hour Get = %v", err)
			}
			if _, err := r.Stop(t.Context(), id); !errors.Is(err, ErrUnknown) {
				t.Errorf("after an hour Stop = %v", err)
			}
		}
		pause(t.Context(), 2*time.Hour)
		if keys := store.Keys(); len(keys) > 0 {
			t.Errorf("the store still has %q", keys)
		}
	})
}

func TestUnknownIDs(t *testing.T) {
	t.Parallel()
	a := start(t, &statetest.Store{})
	for _, id := range []string{"", "x", "a||b", strings.Repeat("a", 65), "../x", NewID()} {
		if _, err := a.Follow(t.Context(), id, Cursor{}); !errors.Is(err, ErrUnknown) {
			t.Errorf("Follow of %q = %v", id, err)
		}
	}
}

func TestOneIDIsOneRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &statetest.Store{}
		a, b := start(t, store), start(t, store)
		j := job(words(time.Second, "one"))
		if _, err := a.Start(t.Context(), j); err != nil {
			t.Fatal(err)
		}
		for range 2 { // while it runs, and after that
			for _, r := range []*replica{a, b} {
				if _, err := r.Start(t.Context(), j); !errors.Is(err, ErrExists) {
					t.Errorf("a second run with the id = %v", err)
				}
			}
			h := b.listen(j.ID, Cursor{})
			h.expect(t, "one", "message")
		}
		if n := len(a.effects()) + len(b.effects()); n != 1 {
			t.Errorf("the run led to something %d times", n)
		}
	})
}

func TestAPanicFailsTheRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := start(t, &statetest.Store{})
		id := a.launch(t, func(context.Context, func(Entry)) Outcome { panic("broken") })
		h := a.listen(id, Cursor{})
		h.expect(t, "", "error")
	})
}

// TestClose holds that a stop waits for runs, and cuts them off when its time is over.
func TestClose(t *testing.T) {
	t.Parallel()
	for grace, want := range map[time.Duration]string{time.Minute: "message", time.Second: "error"} {
		synctest.Test(t, func(t *testing.T) {
			store := &statetest.Store{}
			a, b := start(t, store), start(t, store)
			id := a.launch(t, words(time.Second, "one ", "two ", "three"))
			ctx, cancel := context.WithTimeout(t.Context(), grace)
			defer cancel()
			a.Close(ctx)
			if _, err := a.Start(t.Context(), job(words(0))); !errors.Is(err, ErrBusy) {
				t.Errorf("after Close a run = %v", err)
			}
			if h := b.listen(id, Cursor{}); string(h.last.Kind) != want {
				t.Errorf("within %s the run ended with %s %s; want %s", grace, h.last.Kind, h.last.Data, want)
			}
		})
	}
}

// TestANewAttemptIsAReset holds that another process may begin the turn in progress anew.
func TestANewAttemptIsAReset(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &statetest.Store{}
		a := start(t, store)
		id := NewID()
		d := document{
			Version: 1, RunID: id, State: Running, Owner: "other", Attempt: 1,
			Entries: []Entry{
				{Kind: Token, Text: "look: "}, {Kind: ToolCall, Data: []byte("{}")}, {Kind: Token, Text: "half an ans"},
			},
		}
		put := func() {
			value, err := plainjson.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			found, _ := store.Get(t.Context(), contract.RunKey(id))
			err = store.Put(t.Context(), state.Put{Key: contract.RunKey(id), Value: value, ETag: found[0].ETag})
			if err != nil {
				t.Fatal(err)
			}
		}
		put()
		f, err := a.Follow(t.Context(), id, Cursor{})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		h := heard{}
		for h.text != "look: half an ans" {
			events, err := f.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			h.add(events)
		}
		old := h.at
		d.Attempt, d.Begins, d.Owner = 2, 2, "another"
		d.Entries = append(d.Entries[:2], Entry{Kind: Token, Text: "an answer"})
		put()
		h = heard{}
		for h.text != "an answer" {
			events, err := f.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			h.add(events)
		}
		if h.kinds != "reset " {
			t.Errorf("the follower got %q before the text; want a reset", h.kinds)
		}
		d.State, d.Outcome = Answered, &Outcome{State: Answered, Last: Entry{Kind: Message, Data: []byte(`{}`)}}
		put()
		h = a.listen(id, old)
		h.expect(t, "an answer", "reset message")
		h = a.listen(id, Cursor{})
		h.expect(t, "look: an answer", "tool_call message")
	})
}

// TestCalls holds how often the store is called for an answer.
func TestCalls(t *testing.T) {
	t.Parallel()
	for numbered, want := range map[bool]int{true: 75, false: 145} {
		synctest.Test(t, func(t *testing.T) {
			store := &statetest.Store{Numbered: numbered}
			a := start(t, store)
			id := a.launch(t, words(25*time.Millisecond, strings.SplitAfter(strings.Repeat("word ", 200), " ")...))
			h := a.listen(id, Cursor{})
			h.expect(t, strings.Repeat("word ", 200), "message")
			if calls := store.Calls(); calls > want {
				t.Errorf("an answer over 5 seconds takes %d calls of the store; want %d", calls, want)
			} else {
				t.Logf("numbered %t: %d calls", numbered, calls)
			}
		})
	}
}

// TestManyRunsTakeTurns holds that the calls of the store are bounded however many runs
// there are, and that a stop is still seen within a second.
func TestManyRunsTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const many = 200
		store := &statetest.Store{}
		size := func(c *Config) { c.MaxRuns, c.MaxFollowers = many, many }
		a, b := start(t, store, size), start(t, store, size)
		all := strings.SplitAfter(strings.Repeat("w ", 1000), " ")
		ids := make([]string, many)
		got := make(chan heard, many)
		for i := range ids {
			ids[i] = a.launch(t, words(10*time.Millisecond, all...))
			go func() { got <- b.listen(ids[i], Cursor{}) }()
		}
		pause(t.Context(), time.Second)
		before := store.Calls()
		pause(t.Context(), 5*time.Second)
		if perSecond := (store.Calls() - before) / 5; perSecond > 13*many/2 {
			t.Errorf("%d runs and %d followers call the store %d times a second", many, many, perSecond)
		}
		if _, err := b.Stop(t.Context(), ids[0]); err != nil {
			t.Error(err)
		}
		begun := time.Now()
		for range many {
			if h := <-got; h.last.Kind == Cut && time.Since(begun) > 2*time.Second {
				t.Errorf("a run stops after %s", time.Since(begun))
			}
		}
	})
}

func TestCursors(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"1.0.0", "1.4.120", "2.end", "0.0.0"} {
		if c, err := ParseCursor(text); err != nil || c.String() != text {
			t.Errorf("%s is read as %v, %v", text, c, err)
		}
	}
	for _, text := range []string{"x", "1", "1.2", "1.2.3.4", "1.-1.0", "1.end.0", "99999999999999999999.0.0", "1.2. 3"} {
		if c, err := ParseCursor(text); !errors.Is(err, ErrCursor) {
			t.Errorf("%s is read as %v, %v", text, c, err)
		}
	}
}
