package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.etcd.io/bbolt"

	"daca/services/internal/apitest"
	"daca/services/internal/contract"
)

// spooling returns a publisher with n messages of alice in its spool, and a broker
// that fails.
func spooling(t *testing.T, n int) (*publisher, *fakeBroker) {
	t.Helper()
	b := &fakeBroker{err: errors.New("broker down")}
	p := testPublisher(t, b, filepath.Join(t.TempDir(), "spool.db"))
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { p.publish(t, messageOf("alice", i)) })
	}
	wg.Wait()
	if waiting := p.waiting(); waiting != n {
		t.Fatalf("%d events are in the spool; want %d", waiting, n)
	}
	return p, b
}

// TestRequestsPublishAtTheFirstSuccess holds that requests do not wait for the spool to
// be empty: the drain has published one event, and hangs.
func TestRequestsPublishAtTheFirstSuccess(t *testing.T) {
	t.Parallel()
	p, b := spooling(t, 20)
	hang := make(chan struct{})
	b.mu.Lock()
	b.hang = hang
	b.err = nil
	b.mu.Unlock()
	stop := drain(p)
	apitest.Eventually(t, "the broker takes an event", func() bool { return len(b.events()) == 1 })
	apitest.Eventually(t, "requests publish", func() bool { return !p.lane(contract.TopicMessages).failing.Load() })
	p.publish(t, messageOf("bob", 1))
	if last := b.events()[len(b.events())-1]; last.UserID != "bob" || p.waiting() < 19 {
		t.Errorf("the last event that was published is %+v, and %d wait", last, p.waiting())
	}
	close(hang)
	apitest.Eventually(t, "the spool is empty", func() bool { return p.waiting() == 0 })
	stop()
}

// TestSpoolEmptiesUnderLoad holds that the spool empties while more events arrive than
// one fsync for each would allow: many clients send one event after the other, as fast as
// they are answered.
func TestSpoolEmptiesUnderLoad(t *testing.T) {
	t.Parallel()
	const clients = 64
	p, b := spooling(t, 4000)
	stop := drain(p)
	began := time.Now()
	b.fail(nil)
	var sending sync.WaitGroup
	var arrived atomic.Int64
	for range clients {
		sending.Go(func() {
			for p.waiting() > 0 && time.Since(began) < time.Minute {
				p.publish(t, messageOf("bob", int(arrived.Add(1))))
			}
		})
	}
	sending.Wait()
	if n := p.waiting(); n > 0 {
		t.Errorf("%d events wait after %s, in which %d arrived", n, time.Since(began), arrived.Load())
	}
	t.Logf("4,000 events left the spool within %s, beside %d new ones", time.Since(began), arrived.Load())
	stop()
}

// TestAFruitlessRoundIsCheap holds that the broker is asked once, however many wait.
func TestAFruitlessRoundIsCheap(t *testing.T) {
	t.Parallel()
	p, b := spooling(t, 500)
	attempts := b.attempts()
	for range 10 {
		if done := p.round(t.Context(), p.lane(contract.TopicMessages)); done != 0 {
			t.Fatalf("the broker took %d events", done)
		}
	}
	if n := b.attempts() - attempts; n != 10 {
		t.Errorf("10 rounds made %d attempts", n)
	}
}

// TestARefusedEventHoldsUpNoOther has an event that the broker never takes at each
// place of a round, while the topic is failing and, as after a restart, while it is not.
func TestARefusedEventHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	for _, failing := range []bool{true, false} {
		for _, place := range []int{0, 1, 7, 19} {
			p, b := spooling(t, 0)
			for i := range 20 {
				p.publish(t, messageOf("alice", i))
			}
			b.mu.Lock()
			b.poison = messageOf("alice", place).ID
			b.err = nil
			b.mu.Unlock()
			p.lane(contract.TopicMessages).failing.Store(failing)
			stop := drain(p)
			apitest.Eventually(t, "all others are published", func() bool { return p.waiting() == 1 })
			p.publish(t, messageOf("bob", 1))
			stop()
			seen := map[string]bool{}
			for _, e := range b.events() {
				seen[e.ID] = true
			}
			if len(seen) != 20 {
				t.Errorf("%d events are published; want 19 and the one of bob", len(seen))
			}
		}
	}
}

// TestTheBrokerIsTriedWhenTheDiskIsFull holds that an event that the spool cannot take
// goes to the broker, even while the topic is failing.
func TestTheBrokerIsTriedWhenTheDiskIsFull(t *testing.T) {
	t.Parallel()
	p, b := spooling(t, 1)
	p.spool.maxBytes = p.spool.Bytes()
	err := p.Publish(t.Context(), messageOf("bob", 1), "")
	if !errors.Is(err, errSpoolFull) || !strings.Contains(err.Error(), "broker down") {
		t.Errorf("with a broker that fails: %v; want an error that names both", err)
	}
	b.fail(nil)
	p.publish(t, messageOf("bob", 2))
	p.publish(t, messageOf("bob", 3))
	if n := len(b.events()); n != 2 {
		t.Errorf("%d events are published; want 2", n)
	}
}

// TestDamagedRecordsAreSetAside holds that they stop no other event, and are counted
// and logged.
func TestDamagedRecordsAreSetAside(t *testing.T) {
	t.Parallel()
	p, b := spooling(t, 3)
	var log bytes.Buffer
	p.logger = slog.New(slog.NewTextHandler(&log, nil))
	err := p.spool.db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(topicsBucket()).Bucket([]byte(contract.TopicMessages))
		return errors.Join(bucket.Put(recordKey(1), []byte("\x00\x17")), bucket.Put(recordKey(3), []byte(`{"at":7}`)))
	})
	if err != nil {
		t.Fatal(err)
	}
	b.fail(nil)
	stop := drain(p)
	apitest.Eventually(t, "the spool is empty", func() bool { return p.waiting() == 0 })
	stop()
	if n := len(b.events()); n != 1 || p.spool.Damaged() != 2 {
		t.Errorf("%d events are published and %d set aside; want 1 and 2", n, p.spool.Damaged())
	}
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "damaged") {
		t.Errorf("the log says nothing of it: %s", &log)
	}
}

// TestADiskThatFailsAfterPublishing holds that published events that cannot be removed
// are not published again and again.
func TestADiskThatFailsAfterPublishing(t *testing.T) {
	t.Parallel()
	p, b := spooling(t, 5)
	b.fail(nil)
	path := p.spool.db.Path()
	if err := p.spool.Close(); err != nil {
		t.Fatal(err)
	}
	p.spool.db = openReadOnly(t, path)
	l := p.lane(contract.TopicMessages)
	for range 10 {
		p.round(t.Context(), l)
	}
	if n := len(b.events()); n != 1 {
		t.Errorf("%d events are published; want 1, and then none until it is removed", n)
	}
	_ = p.spool.db.Close()
	p.spool.db = testSpool(t, path).db
	for range 2 {
		p.round(t.Context(), l)
	}
	if n := p.waiting(); n != 0 || len(b.events()) != 5 {
		t.Errorf("%d events wait and %d are published; want 0 and 5", n, len(b.events()))
	}
}

// TestWaitingEventsAreSeen holds that readiness and metrics show what waits, from the
// start of a process that finds it on its disk.
func TestWaitingEventsAreSeen(t *testing.T) {
	t.Parallel()
	before, b := spooling(t, 3)
	path := before.spool.db.Path()
	_ = before.spool.Close()
	metrics := prometheus.NewRegistry()
	p := newPublisher(b, &fakeStore{}, testSpool(t, path), unseen{}, time.Second,
		slog.New(slog.DiscardHandler), metrics)
	<-time.After(10 * time.Millisecond)
	err := p.Probe(t.Context())
	if err == nil || !strings.Contains(err.Error(), "topic messages: 3 events wait in the spool, the oldest for") {
		t.Errorf("Probe = %v; want what waits", err)
	}
	if age := p.spool.Age(contract.TopicMessages); age < 10*time.Millisecond || age > time.Minute {
		t.Errorf("the oldest has waited for %s", age)
	}
	if err := testutil.GatherAndCompare(metrics, strings.NewReader(`
# HELP daca_spool_events Events on disk that wait to be published.
# TYPE daca_spool_events gauge
daca_spool_events{topic="messages"} 3
daca_spool_events{topic="users"} 0
`), "daca_spool_events"); err != nil {
		t.Error(err)
	}
	b.fail(nil)
	if err := p.Close(t.Context()); err != nil || p.Probe(t.Context()) != nil {
		t.Errorf("after Close = %v, Probe = %v; want nothing to wait", err, p.Probe(t.Context()))
	}
}

// BenchmarkSpool measures how fast events come into the spool and out of it, with a
// broker that takes them at once.
func BenchmarkSpool(b *testing.B) {
	const workers = 256
	broker := &discardingBroker{err: errors.New("broker down")}
	s, err := openSpool(filepath.Join(b.TempDir(), "spool.db"), 1<<30, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	p := newPublisher(broker, &fakeStore{}, s, unseen{}, time.Millisecond,
		slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	b.Run("add", func(b *testing.B) {
		b.SetParallelism(workers)
		b.RunParallel(func(pb *testing.PB) {
			for n := 0; pb.Next(); n++ {
				if err := p.Publish(context.Background(), messageOf("alice", n), ""); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("drain", func(b *testing.B) {
		broker.err = errors.New("broker down")
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for n := 0; s.Len(contract.TopicMessages) < b.N; n++ {
					_ = p.Publish(context.Background(), messageOf(contract.UserID(fmt.Sprint(w)), n), "")
				}
			})
		}
		wg.Wait()
		broker.err = nil
		b.ResetTimer()
		for n := 0; n < b.N; {
			n += p.round(context.Background(), p.lane(contract.TopicMessages))
		}
	})
}

// discardingBroker forgets all events, or fails.
type discardingBroker struct{ err error }

func (b *discardingBroker) Publish(context.Context, string, []byte) error      { return b.err }
func (b *discardingBroker) PublishAll(context.Context, string, [][]byte) error { return b.err }
