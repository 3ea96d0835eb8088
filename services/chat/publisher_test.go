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
)

func messageOf(user contract.UserID, n int) contract.Event {
	return contract.Event{
		ID:     fmt.Sprintf("%s-%d", user, n),
		Time:   time.UnixMilli(1_700_000_000_000).UTC(),
		Type:   contract.MessageSent,
		UserID: user,
	}
}

func testPublisher(t *testing.T, b broker, path string) *publisher {
	t.Helper()
	s, err := openSpool(path)
	if err != nil {
		t.Fatal(err)
	}
	return newPublisher(b, s, 20*time.Millisecond, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
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
	b := &fakeBroker{err: errors.New("broker down")}
	p := testPublisher(t, b, filepath.Join(t.TempDir(), "deep", "spool.db"))
	stop := drain(p)
	for i := range 5 {
		if err := p.Publish(t.Context(), messageOf("alice", i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.spool.Len(); n != 5 {
		t.Fatalf("%d events are on disk; want 5", n)
	}
	if err := p.outcome.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "broker down") {
		t.Errorf("the readiness check says %v", err)
	}
	b.fail(nil)
	apitest.Eventually(t, "all events are published", func() bool { return len(b.events()) == 5 && p.spool.Len() == 0 })
	for i, e := range b.events() {
		if e != messageOf("alice", i) {
			t.Errorf("event %d became %+v", i, e)
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
		if err := p.Publish(t.Context(), messageOf("alice", i)); err != nil {
			t.Fatal(err)
		}
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
	if err := p.Publish(t.Context(), messageOf("alice", 1)); err != nil {
		t.Fatal(err)
	}
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
	if err := p.Publish(ctx, messageOf("alice", 1)); err != nil || len(b.events()) != 1 {
		t.Errorf("Publish = %v, %d events; the message was answered and has to count", err, len(b.events()))
	}
	_ = p.Close(t.Context())
}

func TestPublisherFailsWhenNeitherBrokerNorDiskTakesTheEvent(t *testing.T) {
	t.Parallel()
	p := testPublisher(t, &fakeBroker{err: errors.New("broker down")}, filepath.Join(t.TempDir(), "spool.db"))
	_ = p.spool.Close() // stands for a disk that fails
	err := p.Publish(t.Context(), messageOf("alice", 1))
	if err == nil || !strings.Contains(err.Error(), "broker down") || !strings.Contains(err.Error(), "spool") {
		t.Errorf("Publish = %v; want an error that names both", err)
	}
}

func TestSpoolIsForOneProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "spool.db")
	s, err := openSpool(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if _, err := openSpool(path); err == nil || !strings.Contains(err.Error(), "SPOOL_PATH") {
		t.Errorf("the second open = %v; want an error that names SPOOL_PATH", err)
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
	if err := p.Publish(t.Context(), registered); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := p.Publish(t.Context(), messageOf("alice", i)); err != nil {
			t.Fatal(err)
		}
	}
	apitest.Eventually(t, "the messages are published", func() bool { return len(b.events()) == 5 && p.spool.Len() == 1 })
	stop()
	_ = p.Close(t.Context())
}
