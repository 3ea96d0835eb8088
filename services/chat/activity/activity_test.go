package activity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"daca/services/internal/contract"
)

// fakeAnalytics answers what it is given, and knows one token.
type fakeAnalytics struct {
	mu     sync.Mutex
	answer Answer
	err    error
	calls  int
}

const token = "Bearer secret"

func (f *fakeAnalytics) Activity(context.Context) (Answer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	return f.answer, f.err
}

func (f *fakeAnalytics) Administers(_ context.Context, authorization string) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return authorization == token, f.err
}

// set changes what analytics answers.
func (f *fakeAnalytics) set(answer Answer, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer, f.err = answer, err
}

func (f *fakeAnalytics) called() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// newActivity returns an Activity that ends with the test.
func newActivity(t *testing.T, analytics *fakeAnalytics) *Activity {
	t.Helper()
	a := New(Config{
		Analytics: analytics, Timeout: time.Second, Waiting: func() int { return 0 }, MaxWatchers: 3,
		Logger: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(a.Close)
	return a
}

// watch returns a watcher that has read its snapshot.
func watch(t *testing.T, a *Activity, user contract.UserID, authorization string) (*Watcher, Snapshot) {
	t.Helper()
	w, err := a.Watch(t.Context(), user, authorization)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w, *next(t, w).Snapshot
}

// next returns what happens within a minute.
func next(t *testing.T, w *Watcher) News {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	news, err := w.Next(ctx)
	if err != nil {
		t.Fatalf("nothing happens: %v", err)
	}
	return news
}

// stages returns the users and stages of the events that happen until nothing does.
func stages(t *testing.T, w *Watcher) string {
	t.Helper()
	var all []string
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		news, err := w.Next(ctx)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			return strings.Join(all, ", ")
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range news.Events {
			all = append(all, e.UserID+" "+string(e.Stage))
		}
	}
}

func sent(id, user string) contract.Event {
	return contract.Event{ID: id, Type: contract.MessageSent, UserID: contract.UserID(user), Answered: time.Now()}
}

// answerOf is what analytics says after it has handled the event.
func answerOf(id, user, outcome string) Counted {
	return Counted{
		ID: id, Type: contract.MessageSent, UserID: user, Outcome: outcome, Count: new(int64(6)),
		AnsweredAt: time.Now(), DeliveredAt: time.Now(), CountedAt: time.Now(),
	}
}

func TestStages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		analytics := &fakeAnalytics{}
		a := newActivity(t, analytics)
		defer a.Close()
		w, s := watch(t, a, "alice", "")
		if s.Operator || s.Analytics != "ok" || len(s.Events) != 0 {
			t.Errorf("the first snapshot is %+v", s)
		}
		m := a.Begin(contract.MessageSent, "alice", time.Now())
		m.Answered(sent("1", "alice"))
		a.Spooled("1")
		a.Published("1")
		analytics.set(Answer{Events: []Counted{answerOf("1", "alice", "counted"), answerOf("1", "alice", "duplicate")}}, nil)
		const want = "alice answering, alice answering, alice spooled, alice published, alice counted"
		if got := stages(t, w); got != want {
			t.Errorf("the stages are %s; want %s", got, want)
		}
		a.Begin(contract.MessageSent, "alice", time.Now()).Fail("the model is away")
		if got, want := stages(t, w), "alice answering, alice failed"; got != want {
			t.Errorf("the stages are %s; want %s", got, want)
		}
		m = a.Begin(contract.MessageSent, "alice", time.Now())
		m.Answered(sent("2", "alice"))
		a.Published("2") // the drain was faster than the request
		a.Spooled("2")
		if got, want := stages(t, w), "alice answering, alice answering, alice published, alice published"; got != want {
			t.Errorf("the stages are %s; want %s", got, want)
		}
	})
}

// TestWhoSeesWhat holds that nobody but an operator sees anything of others.
func TestWhoSeesWhat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		analytics := &fakeAnalytics{answer: Answer{
			Events:      []Counted{answerOf("b", "bob", "counted"), answerOf("a", "alice", "counted")},
			Users:       []User{{UserID: "alice", Count: 6}, {UserID: "bob", Count: 6}},
			DeadLetters: &Letters{Total: 1, Letters: []Letter{{ID: "x", UserID: "bob"}}},
		}}
		a := newActivity(t, analytics)
		defer a.Close()
		alice, s := watch(t, a, "alice", "")
		if len(s.Events) != 1 || s.Events[0].UserID != "alice" { // what is known by then is no news
			t.Errorf("the first snapshot has %+v; want the event of alice", s.Events)
		}
		operator, s := watch(t, a, "root", token)
		if !s.Operator || len(s.Events) != 2 {
			t.Errorf("the snapshot of an operator is %+v", s)
		}
		a.Begin(contract.MessageSent, "bob", time.Now())
		if got := stages(t, alice); got != "" {
			t.Errorf("alice sees %s; want nothing", got)
		}
		if got, want := stages(t, operator), "bob answering"; got != want {
			t.Errorf("an operator sees %s; want %s", got, want)
		}
		_, s = watch(t, a, "alice", "")
		if len(s.Users) != 1 || s.Users[0].UserID != "alice" || s.DeadLetters != nil || len(s.Events) != 1 {
			t.Errorf("alice's snapshot is %+v", s)
		}
		if _, err := a.Watch(t.Context(), "alice", ""); !errors.Is(err, ErrBusy) {
			t.Errorf("one watcher too many gets %v", err)
		}
		operator.Close()
		if _, err := a.Watch(t.Context(), "alice", "Bearer wrong"); !errors.Is(err, ErrRefused) {
			t.Errorf("a wrong token gets %v", err)
		}
		_, s = watch(t, a, "root", token)
		if s.DeadLetters == nil || s.DeadLetters.Total != 1 || len(s.Users) != 2 || len(s.Events) != 3 {
			t.Errorf("an operator's snapshot is %+v", s)
		}
	})
}

// TestASlowWatcher holds that what waits for a watcher is bounded, as is what is remembered.
func TestASlowWatcher(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		analytics := &fakeAnalytics{}
		a := newActivity(t, analytics)
		defer a.Close()
		w, _ := watch(t, a, "alice", "")
		for i := range 1000 {
			a.Begin(contract.MessageSent, "alice", time.Now()).Answered(sent(fmt.Sprint(i), "alice"))
		}
		if len(w.queue) > maxQueue {
			t.Errorf("%d events wait for a watcher", len(w.queue))
		}
		news := next(t, w)
		if news.Snapshot == nil || len(news.Snapshot.Events) != maxOwn || news.Snapshot.Events[maxOwn-1].ID != "999" {
			t.Fatalf("a watcher that was too slow gets %+v", news)
		}
		for i := range 100 {
			analytics.set(Answer{Events: []Counted{
				answerOf(fmt.Sprintf("other-%d", i), "alice", "counted"), answerOf("999", "alice", "counted"),
			}}, nil)
			<-time.After(pollEvery)
			synctest.Wait()
		}
		a.mu.Lock()
		others, rows := len(a.others), len(a.rows())
		a.mu.Unlock()
		if others != maxOthers || rows > maxOwn+maxOthers {
			t.Errorf("%d events of analytics and %d rows are remembered", others, rows)
		}
	})
}

// TestNobodyWatches holds that analytics is asked only while somebody watches.
func TestNobodyWatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		analytics := &fakeAnalytics{}
		a := newActivity(t, analytics)
		defer a.Close()
		<-time.After(time.Hour)
		if n := analytics.called(); n != 0 {
			t.Errorf("analytics was asked %d times", n)
		}
		w, _ := watch(t, a, "alice", "")
		<-time.After(10 * time.Second)
		synctest.Wait()
		if n := analytics.called(); n < 19 || n > 21 {
			t.Errorf("analytics was asked %d times in 10 s", n)
		}
		w.Close()
		<-time.After(time.Hour)
		if n := analytics.called(); n > 22 {
			t.Errorf("analytics was asked %d times after the watcher left", n-21)
		}
		w, _ = watch(t, a, "alice", "")
		a.Stop()
		if _, err := w.Next(t.Context()); !errors.Is(err, io.EOF) {
			t.Errorf("after a stop, a watcher gets %v", err)
		}
		if _, err := a.Watch(t.Context(), "alice", ""); !errors.Is(err, ErrBusy) {
			t.Errorf("after a stop, Watch gives %v", err)
		}
	})
}

// TestAnalyticsIsAway holds that what this replica knows is shown, and that an operator is
// known as one as soon as analytics is back.
func TestAnalyticsIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		analytics := &fakeAnalytics{err: errors.New("away")}
		a := newActivity(t, analytics)
		defer a.Close()
		w, s := watch(t, a, "root", token)
		if s.Operator || s.Analytics != "away" {
			t.Errorf("without analytics, the snapshot is %+v", s)
		}
		a.Begin(contract.MessageSent, "root", time.Now())
		a.Begin(contract.MessageSent, "bob", time.Now())
		if got, want := stages(t, w), "root answering"; got != want {
			t.Errorf("without analytics, an operator sees %s; want %s", got, want)
		}
		analytics.set(Answer{}, nil)
		for begin := time.Now(); ; {
			news := next(t, w)
			if news.Snapshot != nil && news.Snapshot.Operator && len(news.Snapshot.Events) == 2 {
				break
			}
			if time.Since(begin) > time.Minute {
				t.Fatal("with analytics again, an operator is not known")
			}
		}
	})
}

// TestAStrangersID holds that an event with the id of another user's is not shown to them.
func TestAStrangersID(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		analytics := &fakeAnalytics{answer: Answer{Events: []Counted{
			answerOf("1", "mallory", "dead letter"), answerOf("1", "bob", "counted"),
		}}}
		a := newActivity(t, analytics)
		defer a.Close()
		w, _ := watch(t, a, "alice", "")
		a.Begin(contract.MessageSent, "alice", time.Now()).Answered(sent("1", "alice"))
		if got, want := stages(t, w), "alice answering, alice answering"; got != want {
			t.Errorf("alice sees %s; want %s", got, want)
		}
	})
}

func BenchmarkAMessage(b *testing.B) {
	a := New(Config{Waiting: func() int { return 0 }, MaxWatchers: 1})
	defer a.Close()
	event := sent("1", "alice")
	b.ReportAllocs()
	for b.Loop() {
		a.Begin(contract.MessageSent, "alice", event.Time).Answered(event)
		a.Published("1")
	}
}
