package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"daca/services/internal/apitest"
	"daca/services/internal/contract"
)

// losingBroker acknowledges what it loses.
type losingBroker struct {
	fakeBroker

	losing atomic.Bool
	delay  atomic.Int64 // of Publish
}

func (b *losingBroker) Publish(ctx context.Context, topic string, event []byte) error {
	<-time.After(time.Duration(b.delay.Load()))
	if b.losing.Load() {
		return nil
	}
	return b.fakeBroker.Publish(ctx, topic, event)
}

func (b *losingBroker) PublishAll(ctx context.Context, topic string, events [][]byte) error {
	if b.losing.Load() {
		return nil
	}
	return b.fakeBroker.PublishAll(ctx, topic, events)
}

// lost publishes an event that the broker acknowledges and loses.
func (b *losingBroker) lost(t *testing.T, p *publisher, event contract.Event) {
	t.Helper()
	b.losing.Store(true)
	p.publish(t, event)
	b.losing.Store(false)
}

// times returns how often the broker has kept the event.
func (b *fakeBroker) times(event contract.Event) (n int) {
	for _, e := range b.events() {
		if e.ID == event.ID {
			n++
		}
	}
	return n
}

// copies returns how many copies were spooled.
func (p *publisher) copies() int { return int(testutil.ToFloat64(p.copied)) }

// TestWhatTheBrokerLosesIsPublishedOnceMore has a broker lose an event before it fails
// a request.
func TestWhatTheBrokerLosesIsPublishedOnceMore(t *testing.T) {
	t.Parallel()
	b := &losingBroker{}
	p := testPublisher(t, b, filepath.Join(t.TempDir(), "spool.db"))
	stop := drain(p)
	p.publish(t, messageOf("alice", 1))
	b.lost(t, p, messageOf("alice", 2))
	b.fail(errors.New("broker down"))
	p.publish(t, messageOf("alice", 3))
	apitest.Eventually(t, "all three are on disk", func() bool { return p.waiting() == 3 })
	b.fail(nil)
	apitest.Eventually(t, "the spool is empty", func() bool { return p.waiting() == 0 })
	for n, want := range map[int]int{1: 2, 2: 1, 3: 1} {
		if got := b.times(messageOf("alice", n)); got != want {
			t.Errorf("event %d is in the broker %d times; want %d", n, got, want)
		}
	}
	if n := p.copies(); n != 2 {
		t.Errorf("%d copies are counted; want 2", n)
	}
	stop()
	_ = p.Close(t.Context())
}

// TestARetryFindsWhatTheBrokerLost has the request succeed that saw the failure.
func TestARetryFindsWhatTheBrokerLost(t *testing.T) {
	t.Parallel()
	b := &losingBroker{}
	p := testPublisher(t, b, filepath.Join(t.TempDir(), "spool.db"))
	stop := drain(p)
	b.lost(t, p, messageOf("alice", 1))
	l := p.lane(contract.TopicMessages)
	b.fail(errors.New("connection broken"))
	if p.attempt(t.Context(), l, record{Event: []byte("{}")}) == nil {
		t.Fatal("the attempt succeeds")
	}
	b.fail(nil)
	apitest.Eventually(t, "it is published", func() bool { return b.times(messageOf("alice", 1)) == 1 })
	stop()
}

// TestWhatTheDrainLosesIsPublishedOnceMore has a broker lose a round of the spool before
// it fails the next one, while nobody sends a message.
func TestWhatTheDrainLosesIsPublishedOnceMore(t *testing.T) {
	t.Parallel()
	const events = 20
	b := &losingBroker{}
	p := testPublisher(t, b, filepath.Join(t.TempDir(), "spool.db"))
	b.fail(errors.New("broker down"))
	for n := range events {
		p.publish(t, messageOf("alice", n))
	}
	l := p.lane(contract.TopicMessages)
	b.losing.Store(true)
	for range 2 { // the first takes one event, and the second all others
		p.round(t.Context(), l)
	}
	b.losing.Store(false)
	if p.waiting() != 0 || len(b.events()) != 0 {
		t.Fatalf("%d events wait and %d are published; want none", p.waiting(), len(b.events()))
	}
	p.publish(t, messageOf("bob", 1)) // the broker fails

	b.fail(nil)
	stop := drain(p)
	apitest.Eventually(t, "all are published", func() bool { return len(b.events()) == events+1 })
	stop()
	for n := range events {
		if got := b.times(messageOf("alice", n)); got != 1 {
			t.Errorf("event %d is in the broker %d times", n, got)
		}
	}
}

// TestAFailingRoundMakesSuspects has the drain alone see the failure.
func TestAFailingRoundMakesSuspects(t *testing.T) {
	t.Parallel()
	for _, size := range []int{2, 20} { // a call for one event, and one for many
		b := &losingBroker{}
		p := testPublisher(t, b, filepath.Join(t.TempDir(), "spool.db"))
		b.fail(errors.New("broker down"))
		for n := range size {
			p.publish(t, messageOf("alice", n))
		}
		l := p.lane(contract.TopicMessages)
		b.losing.Store(true)
		p.round(t.Context(), l)
		b.losing.Store(false)
		p.round(t.Context(), l) // fails
		b.fail(nil)
		stop := drain(p)
		apitest.Eventually(t, "all are published", func() bool { return len(b.events()) == size })
		stop()
	}
}

// TestACopyIsNotCopied has the broker fail again and again: it has each event twice at
// most.
func TestACopyIsNotCopied(t *testing.T) {
	t.Parallel()
	b := &losingBroker{}
	p := testPublisher(t, b, filepath.Join(t.TempDir(), "spool.db"))
	stop := drain(p)
	const failures = 10
	for n := range failures {
		p.publish(t, messageOf("alice", n))
		b.fail(errors.New("broker down"))
		p.publish(t, messageOf("bob", n))
		b.fail(nil)
		apitest.Eventually(t, "the spool is empty", func() bool { return p.waiting() == 0 })
	}
	stop()
	for n := range failures {
		for _, event := range []contract.Event{messageOf("alice", n), messageOf("bob", n)} {
			if got := b.times(event); got < 1 || got > 2 {
				t.Errorf("%s is in the broker %d times", event.ID, got)
			}
		}
	}
	if n := p.copies(); n > 2*failures {
		t.Errorf("%d copies of %d events were spooled", n, 2*failures)
	}
}

// TestARefusedEventCopiesNoOther holds that one which stays in the spool makes others
// suspect once.
func TestARefusedEventCopiesNoOther(t *testing.T) {
	t.Parallel()
	p, b := spooling(t, 1)
	b.mu.Lock()
	b.poison = messageOf("alice", 0).ID
	b.err = nil
	b.mu.Unlock()
	l := p.lane(contract.TopicMessages)
	l.failing.Store(false)
	for n := range 10 {
		p.publish(t, messageOf("bob", n))
		p.saveSuspects(t.Context(), l)
		p.round(t.Context(), l)
	}
	if n := p.copies(); n != 1 {
		t.Errorf("%d copies were spooled; want 1", n)
	}
}

// TestCopiesLeaveRoomForEvents fills the half of the spool that is for copies.
func TestCopiesLeaveRoomForEvents(t *testing.T) {
	t.Parallel()
	const events = 100
	b := &losingBroker{}
	p := testPublisher(t, b, filepath.Join(t.TempDir(), "spool.db"))
	p.spool.maxBytes = 10_000
	b.losing.Store(true)
	for n := range events {
		p.publish(t, messageOf("alice", n))
	}
	b.losing.Store(false)
	b.fail(errors.New("broker down"))
	stop := drain(p)
	p.publish(t, messageOf("bob", 0))
	apitest.Eventually(t, "copies are on disk", func() bool { return p.copies() > 0 })
	for n := range 5 {
		p.publish(t, messageOf("carol", n))
	}
	if n := p.spool.Bytes(); n > 8000 {
		t.Errorf("the spool has %d bytes", n)
	}
	b.fail(nil)
	apitest.Eventually(t, "all are published", func() bool { return len(b.events()) >= events+6 })
	apitest.Eventually(t, "the spool is empty", func() bool { return p.waiting() == 0 })
	for n := range events {
		if got := b.times(messageOf("alice", n)); got != 1 {
			t.Errorf("event %d is in the broker %d times", n, got)
		}
	}
	stop()
}

// TestSuspectsSurviveTheEnd holds that Close puts on disk what nobody has put there, and
// that the next process publishes it.
func TestSuspectsSurviveTheEnd(t *testing.T) {
	t.Parallel()
	b := &losingBroker{}
	path := filepath.Join(t.TempDir(), "spool.db")
	p := testPublisher(t, b, path)
	b.lost(t, p, messageOf("alice", 1))
	b.fail(errors.New("broker down"))
	p.publish(t, messageOf("alice", 2))
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.fail(nil)
	p = testPublisher(t, b, path)
	if n := p.waiting(); n != 2 {
		t.Errorf("%d events are on disk; want 2", n)
	}
	if err := p.Close(t.Context()); err != nil || b.times(messageOf("alice", 1)) != 1 {
		t.Errorf("Close = %v; the event is in the broker %d times", err, b.times(messageOf("alice", 1)))
	}
}

// TestAStopMakesNoSuspects holds that an attempt which the end of the process cuts off
// is no failure of the broker.
func TestAStopMakesNoSuspects(t *testing.T) {
	t.Parallel()
	b := &losingBroker{}
	p := testPublisher(t, b, filepath.Join(t.TempDir(), "spool.db"))
	p.publish(t, messageOf("alice", 1))
	l := p.lane(contract.TopicMessages)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b.fail(context.Canceled)
	_ = p.attempt(ctx, l, record{})
	if n := len(l.recent.TakeSuspects()); n != 0 {
		t.Errorf("%d events are suspect", n)
	}
}

// TestASlowCallFindsWhatTheBrokerLost has the component connect again within a call, as
// it does for one of another topic.
func TestASlowCallFindsWhatTheBrokerLost(t *testing.T) {
	t.Parallel()
	for _, kind := range []contract.EventType{contract.MessageSent, contract.UserRegistered} {
		path := filepath.Join(t.TempDir(), "spool.db")
		synctest.Test(t, func(t *testing.T) {
			b := &losingBroker{}
			p := newPublisher(b, &fakeStore{}, testSpool(t, path), 2*slowCall,
				slog.New(slog.DiscardHandler), prometheus.NewRegistry())
			stop := drain(p)
			defer stop()
			b.lost(t, p, messageOf("alice", 1))
			<-time.After(recentLimit / 2)
			b.delay.Store(int64(slowCall))
			slow := messageOf("alice", 2)
			slow.Type = kind
			p.publish(t, slow)
			p.publish(t, messageOf("alice", 3)) // is slow as well
			b.delay.Store(0)
			apitest.Eventually(t, "it is published", func() bool { return b.times(messageOf("alice", 1)) == 1 })
			if n := p.copies(); n != 1 {
				t.Errorf("%d copies were spooled; want 1", n)
			}
		})
	}
}

// TestASlowRoundIsPublishedOnceMore has the connection break between two events of one
// call, which the component hides.
func TestASlowRoundIsPublishedOnceMore(t *testing.T) {
	t.Parallel()
	p, b := spooling(t, 5)
	b.fail(nil)
	l := p.lane(contract.TopicMessages)
	found, _, err := p.spool.After(l.topic, 0, 5)
	if err != nil {
		t.Fatal(err)
	}
	p.note(t.Context(), l, time.Now().Add(-slowCall), nil, found...)
	if n := len(l.recent.TakeSuspects()); n != 5 {
		t.Errorf("%d events are suspect; want 5", n)
	}
}

// BenchmarkPublish measures what an event costs beside the broker.
func BenchmarkPublish(b *testing.B) {
	s, err := openSpool(filepath.Join(b.TempDir(), "spool.db"), testSpoolBytes, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	p := newPublisher(&discardingBroker{}, &fakeStore{}, s, time.Second,
		slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	event := messageOf("alice", 1)
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Publish(b.Context(), event, ""); err != nil {
			b.Fatal(err)
		}
	}
}
