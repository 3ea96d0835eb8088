package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"daca/services/internal/apitest"
	"daca/services/internal/contract"
	"daca/services/internal/state"
)

// fakeStore is the state store of all replicas, or fails.
type fakeStore struct {
	mu     sync.Mutex
	values map[string][]byte
	err    error // of both methods
	lost   bool  // Put stores the value and fails
	calls  int
}

// Put creates the value of one key.
func (s *fakeStore) Put(_ context.Context, items ...state.Put) error {
	key, value := items[0].Key, items[0].Value
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.err != nil {
		return s.err
	}
	if s.values[key] != nil {
		return errors.New("the key has a value")
	}
	if s.values == nil {
		s.values = map[string][]byte{}
	}
	s.values[key] = value
	if s.lost {
		return errors.New("the answer was lost")
	}
	return nil
}

func (s *fakeStore) Get(_ context.Context, keys ...string) ([]state.Stored, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	return []state.Stored{{Value: s.values[keys[0]]}}, s.err
}

func (s *fakeStore) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// replicas returns publishers with one broker, one state store, and spools of their
// own.
func replicas(t *testing.T, n int) ([]*publisher, *fakeBroker, *fakeStore) {
	t.Helper()
	b := &fakeBroker{}
	store := &fakeStore{}
	var all []*publisher
	for range n {
		s := testSpool(t, filepath.Join(t.TempDir(), "spool.db"))
		all = append(all, newPublisher(b, store, s, unseen{}, testBudget,
			slog.New(slog.DiscardHandler), prometheus.NewRegistry()))
	}
	return all, b, store
}

// send publishes a message of alice with the key k, of the given minute.
func send(t *testing.T, p *publisher, minute int) {
	t.Helper()
	event := newEvent(contract.MessageSent, "alice", "k")
	event.Time = time.UnixMilli(1_700_000_000_000).UTC().Add(time.Duration(minute) * time.Minute)
	if err := p.Publish(t.Context(), event, "k"); err != nil {
		t.Fatal(err)
	}
}

// expectCopies fails unless n events are published, all of them copies of one event of
// the minute.
func expectCopies(t *testing.T, b *fakeBroker, n, minute int) {
	t.Helper()
	got := b.events()
	if len(got) != n {
		t.Fatalf("%d events are published; want %d", len(got), n)
	}
	want := newEvent(contract.MessageSent, "alice", "k")
	want.Time = time.UnixMilli(1_700_000_000_000).UTC().Add(time.Duration(minute) * time.Minute)
	for _, e := range got {
		e.Answered = want.Answered // each request was answered at a time of its own
		if e != want {
			t.Errorf("a copy is %+v; want %+v", e, want)
		}
	}
}

func TestTheFirstRequestWithAKeyDecides(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]bool{"": false, "though its answer from the store is lost": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, b, store := replicas(t, 2)
			store.lost = lost
			send(t, p[0], 1)
			send(t, p[1], 2)
			send(t, p[0], 3)
			expectCopies(t, b, 3, 1)
		})
	}
}

// TestCopiesAgreeAfterTheSpool has a replica that cannot ask the state store while
// another one can.
func TestCopiesAgreeAfterTheSpool(t *testing.T) {
	t.Parallel()
	p, b, store := replicas(t, 2)
	store.set(func() { store.err = errors.New("store down") })
	send(t, p[0], 1)
	if p[0].waiting() != 1 || len(b.events()) != 0 {
		t.Fatal("an event whose time is not agreed is published")
	}
	if err := p[0].Probe(t.Context()); err == nil {
		t.Error("readiness does not show that it waits")
	}
	store.set(func() { store.err = nil })
	send(t, p[1], 2)
	stop := drain(p[0])
	apitest.Eventually(t, "the spool is empty", func() bool { return p[0].waiting() == 0 })
	stop()
	expectCopies(t, b, 2, 2)
}

// TestSpooledEventsDecideToo has both copies in spools. Whichever is published first
// decides.
func TestSpooledEventsDecideToo(t *testing.T) {
	t.Parallel()
	p, b, store := replicas(t, 2)
	store.err = errors.New("store down")
	send(t, p[0], 1)
	send(t, p[1], 2)
	store.err = nil
	p[1].round(t.Context(), p[1].lane(contract.TopicMessages))
	p[0].round(t.Context(), p[0].lane(contract.TopicMessages))
	expectCopies(t, b, 2, 2)
}

// TestOnlyKeysCost holds that events without a key ask the store nothing, and that no
// request waits for a store that is known to fail.
func TestOnlyKeysCost(t *testing.T) {
	t.Parallel()
	p, b, store := replicas(t, 1)
	p[0].publish(t, messageOf("alice", 1))
	if store.calls != 0 {
		t.Errorf("an event without a key made %d calls", store.calls)
	}
	store.err = errors.New("store down")
	send(t, p[0], 1)
	calls := store.calls
	for range 5 {
		send(t, p[0], 1)
	}
	if store.calls != calls {
		t.Errorf("5 more requests made %d calls of a store that fails", store.calls-calls)
	}
	p[0].publish(t, messageOf("alice", 2))
	if n := len(b.events()); n != 2 {
		t.Errorf("%d events without a key are published; want 2", n)
	}
}

// TestEventsThatAreNotAgreedHoldUpNoOther has them at the head of the spool while the
// store fails and the broker does not.
func TestEventsThatAreNotAgreedHoldUpNoOther(t *testing.T) {
	t.Parallel()
	p, b, store := replicas(t, 1)
	store.err = errors.New("store down")
	for range 5 {
		send(t, p[0], 1)
	}
	b.fail(errors.New("broker down"))
	p[0].publish(t, messageOf("bob", 1))
	b.fail(nil)
	p[0].lane(contract.TopicMessages).failing.Store(false) // so that all are in one round
	stop := drain(p[0])
	apitest.Eventually(t, "the event of bob is published", func() bool { return len(b.events()) == 1 })
	store.set(func() { store.err = nil })
	apitest.Eventually(t, "all are published", func() bool { return len(b.events()) == 6 })
	stop()
}

// TestAnEventIsRefusedRatherThanPublishedWithATimeOfItsOwn has no store and no room in
// the spool.
func TestAnEventIsRefusedRatherThanPublishedWithATimeOfItsOwn(t *testing.T) {
	t.Parallel()
	p, b, store := replicas(t, 1)
	store.err = errors.New("store down")
	p[0].spool.maxBytes = 0
	err := p[0].Publish(t.Context(), newEvent(contract.MessageSent, "alice", "k"), "k")
	if !errors.Is(err, errSpoolFull) || !strings.Contains(err.Error(), "store down") || len(b.events()) != 0 {
		t.Errorf("Publish = %v with %d events published", err, len(b.events()))
	}
}

func TestClaimKeys(t *testing.T) {
	t.Parallel()
	keys := map[string]bool{}
	for _, k := range []string{"k", "l", strings.Repeat("k", 255)} {
		for _, user := range []contract.UserID{"alice", "alice\u00a0k"} {
			for _, kind := range []contract.EventType{contract.MessageSent, contract.UserRegistered} {
				key := contract.IdempotencyKey(kind, user, k)
				if len(key) != len("%_idempotency-")+64 || !strings.HasPrefix(key, "%_") {
					t.Errorf("key is %q", key)
				}
				keys[key] = true
			}
		}
	}
	if len(keys) != 12 {
		t.Errorf("%d different keys; want 12", len(keys))
	}
}
