package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"daca/services/internal/apitest"
	"daca/services/internal/contract"
	"daca/services/internal/serve"
)

func messageOf(user contract.UserID, n int) contract.Event {
	return contract.Event{
		ID:     fmt.Sprintf("%s-%d", user, n),
		Time:   time.UnixMilli(1_700_000_000_000).UTC(),
		Type:   contract.MessageSent,
		UserID: user,
	}
}

const (
	testSpoolBytes = 64 << 20
	testBudget     = 100 * time.Millisecond
)

func testSpool(t *testing.T, path string) *spool {
	t.Helper()
	s, err := openSpool(path, testSpoolBytes, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func testPublisher(t *testing.T, b broker, path string) *publisher {
	t.Helper()
	return newPublisher(b, &fakeStore{}, testSpool(t, path), unseen{}, testBudget,
		slog.New(slog.DiscardHandler), prometheus.NewRegistry())
}

// waiting returns how many messages are in the spool.
func (p *publisher) waiting() int { return p.spool.Len(contract.TopicMessages) }

func (p *publisher) publish(t *testing.T, event contract.Event) {
	t.Helper()
	if err := p.Publish(t.Context(), event, ""); err != nil {
		t.Fatal(err)
	}
}

// drain runs Drain until the returned function is called.
func drain(p *publisher) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { p.Drain(ctx) })
	return func() { cancel(); wg.Wait() }
}

func TestPublisherSpoolsRefusedEvents(t *testing.T) {
	t.Parallel()
	b := &fakeBroker{err: serve.Reason("broker down")}
	p := testPublisher(t, b, filepath.Join(t.TempDir(), "deep", "spool.db"))
	stop := drain(p)
	for i := range 5 {
		p.publish(t, messageOf("alice", i))
	}
	if n := p.waiting(); n != 5 {
		t.Fatalf("%d events are on disk; want 5", n)
	}
	if err := p.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "broker down") {
		t.Errorf("the readiness check says %v", err)
	}
	b.fail(nil)
	apitest.Eventually(t, "all events are published", func() bool { return len(b.events()) == 5 && p.waiting() == 0 })
	got := map[contract.Event]bool{}
	for _, e := range b.events() {
		got[e] = true
	}
	for i := range 5 {
		if !got[messageOf("alice", i)] {
			t.Errorf("event %d is not among those that were published: %+v", i, b.events())
		}
	}
	stop()
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestPublisherGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "spool.db")
	b := &fakeBroker{err: errors.New("broker down")}
	p := testPublisher(t, b, path)
	for i := range 3 {
		p.publish(t, messageOf("alice", i))
	}
	_ = p.spool.Close() // as a crash does: no drain, no flush

	b.fail(nil)
	p = testPublisher(t, b, path)
	stop := drain(p)
	apitest.Eventually(t, "what was left is published", func() bool { return len(b.events()) == 3 })
	stop()
	_ = p.Close(t.Context())
}

func TestPublisherFlushesOnClose(t *testing.T) {
	t.Parallel()
	b := &fakeBroker{err: errors.New("broker down")}
	p := testPublisher(t, b, filepath.Join(t.TempDir(), "spool.db"))
	p.publish(t, messageOf("alice", 1))
	b.fail(nil)
	if err := p.Close(t.Context()); err != nil || len(b.events()) != 1 {
		t.Errorf("Close = %v, %d events published; want 1", err, len(b.events()))
	}
}

func TestPublisherPublishesForAClientThatLeft(t *testing.T) {
	t.Parallel()
	b := &fakeBroker{}
	p := testPublisher(t, b, filepath.Join(t.TempDir(), "spool.db"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Publish(ctx, messageOf("alice", 1), ""); err != nil || len(b.events()) != 1 {
		t.Errorf("Publish = %v, %d events; the message was answered and has to count", err, len(b.events()))
	}
	_ = p.Close(t.Context())
}

func TestPublisherFailsWhenNeitherBrokerNorDiskTakesTheEvent(t *testing.T) {
	t.Parallel()
	p := testPublisher(t, &fakeBroker{err: errors.New("broker down")}, filepath.Join(t.TempDir(), "spool.db"))
	_ = p.spool.Close() // stands for a disk that fails
	err := p.Publish(t.Context(), messageOf("alice", 1), "")
	if err == nil || !strings.Contains(err.Error(), "broker down") || !strings.Contains(err.Error(), "spool") {
		t.Errorf("Publish = %v; want an error that names both", err)
	}
}

// TestPublisherKeepsTopicsApart holds that a topic which the broker refuses does
// not hold up another.
func TestPublisherKeepsTopicsApart(t *testing.T) {
	t.Parallel()
	b := &fakeBroker{refused: contract.TopicUsers}
	p := testPublisher(t, b, filepath.Join(t.TempDir(), "spool.db"))
	stop := drain(p)
	registered := messageOf("alice", 0)
	registered.Type = contract.UserRegistered
	p.publish(t, registered)
	for i := range 5 {
		p.publish(t, messageOf("alice", i))
	}
	apitest.Eventually(t, "the messages are published", func() bool { return len(b.events()) == 5 })
	if p.spool.Len(contract.TopicUsers) != 1 || p.waiting() != 0 {
		t.Errorf("%d registrations and %d messages wait; want 1 and 0",
			p.spool.Len(contract.TopicUsers), p.waiting())
	}
	stop()
	_ = p.Close(t.Context())
}
