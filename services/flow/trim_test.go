package flow

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"daca/services/internal/stack"
)

// The tests of this file hold that trimming removes what every consumer group has
// acknowledged, and nothing else.

// TestTrimmingLosesNothing publishes, reads and acknowledges as fast as Redis lets it,
// while the stream is trimmed all the time. Nothing is removed from under a group that
// lags, or before it is acknowledged.
func TestTrimmingLosesNothing(t *testing.T) {
	t.Parallel()
	for name, embedded := range map[string]bool{"redis-server": false, "the embedded Redis": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const events = 2000
			s := trimmedStream(t, embedded)
			fast := s.group("fast", 0)
			slow := s.group("slow", 100*time.Microsecond)
			stopTrimming := trimAll(t, s.client, time.Millisecond, "stream")
			var working sync.WaitGroup
			working.Go(func() {
				for i := range events {
					s.add(i)
				}
			})
			working.Go(func() { fast.consume(events) })
			working.Go(func() { slow.consume(events) })
			working.Wait()
			stopTrimming()
			if left := s.client.XLen(t.Context(), "stream").Val(); left >= events {
				t.Errorf("none of %d entries was removed meanwhile", left)
			}
			fast.acknowledgeRest()
			slow.acknowledgeRest()
			s.trim()
			s.left(0)
		})
	}
}

func TestTrimmingKeepsWhatAGroupNeeds(t *testing.T) {
	t.Parallel()
	for name, embedded := range map[string]bool{"redis-server": false, "the embedded Redis": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := trimmedStream(t, embedded)
			for i := range 10 {
				s.add(i)
			}
			s.trim()
			s.left(10) // there is no group yet

			quick := s.group("quick", 0)
			stopped := s.group("stopped", 0)
			quick.consume(10)
			quick.acknowledgeRest()
			s.trim()
			s.left(10) // the other group has read nothing

			read := stopped.read(4)
			stopped.acknowledge(read[0], read[1], read[3])
			s.trim()
			s.left(8) // the third entry is pending
			stopped.acknowledge(read[2])
			s.trim()
			s.left(6) // the fifth is unread

			if err := s.client.XGroupDestroy(t.Context(), "stream", "stopped").Err(); err != nil {
				t.Fatal(err)
			}
			s.trim()
			s.left(0)
			s.add(10)
			s.trim()
			s.left(1)
			if again := quick.read(10); len(again) != 1 {
				t.Errorf("after everything was removed, %d new entries are delivered; want 1", len(again))
			}
		})
	}
}

// TestExactWhileStreamsAreTrimmed holds that entries which a killed sidecar has read
// are still there for the next.
func TestExactWhileStreamsAreTrimmed(t *testing.T) {
	t.Parallel()
	needsStreams(t)
	s := start(t, options{replicas: 2})
	stopTrimming := trimAll(t, s.servers.streams().client, 2*time.Millisecond, "messages", "users", "deadletters")
	var killing sync.WaitGroup
	killing.Go(func() {
		s.publish("warm", "warm-1")
		s.analytics[0].Sidecar.Kill()
		s.restart(s.analytics[0].Sidecar)
		s.analytics[1].App.Kill()
		s.restart(s.analytics[1].App)
	})
	distinct := s.publishAll(1000, []string{"hot", "a", "b"})
	killing.Wait()
	for user, n := range distinct {
		s.counted(user, n)
	}
	s.eventually(func() bool { return s.servers.streams().client.XLen(t.Context(), "messages").Val() == 0 },
		func() string { return "entries are left: " + s.whereabouts() })
	stopTrimming()
	for user, n := range distinct {
		s.counted(user, n)
	}
}

// trimAll trims the streams in each interval until stop is called or the test ends.
func trimAll(t *testing.T, client *redis.Client, every time.Duration, streams ...string) (stop func()) {
	t.Helper()
	script := trimScript(t)
	ctx, cancel := context.WithCancel(t.Context())
	var trimming sync.WaitGroup
	trimming.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			if err := script.Run(ctx, client, streams).Err(); err != nil && ctx.Err() == nil {
				t.Errorf("trimming: %v", err)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	stop = func() { cancel(); trimming.Wait() }
	t.Cleanup(stop)
	return stop
}

// trimScript is the script of the chart, which make run uses too.
func trimScript(t *testing.T) *redis.Script {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(programs.root, "charts", "daca", "files", "trim.lua"))
	if err != nil {
		t.Fatal(err)
	}
	return redis.NewScript(string(text))
}

// stream is a stream of numbers, in a Redis without the services.
type stream struct {
	t      *testing.T
	client *redis.Client
	script *redis.Script
}

func trimmedStream(t *testing.T, embedded bool) *stream {
	t.Helper()
	server := newRedis(t, stack.NewOutput(t.Output(), false), embedded)
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(context.WithoutCancel(t.Context())) })
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = client.Close() })
	return &stream{t: t, client: client, script: trimScript(t)}
}

func (s *stream) add(i int) {
	args := redis.XAddArgs{Stream: "stream", Values: []any{"number", i}}
	if err := s.client.XAdd(s.t.Context(), &args).Err(); err != nil {
		s.t.Error(err)
	}
}

func (s *stream) trim() {
	s.t.Helper()
	if err := s.script.Run(s.t.Context(), s.client, []string{"stream"}).Err(); err != nil {
		s.t.Fatal(err)
	}
}

// left checks how many entries the stream has.
func (s *stream) left(want int64) {
	s.t.Helper()
	if got := s.client.XLen(s.t.Context(), "stream").Val(); got != want {
		s.t.Fatalf("%d entries are left; want %d", got, want)
	}
}

// group is a consumer group of the stream. It acknowledges late and out of order.
type group struct {
	*stream

	name  string
	pause time.Duration // after each entry
	held  []redis.XMessage
}

func (s *stream) group(name string, pause time.Duration) *group {
	s.t.Helper()
	if err := s.client.XGroupCreateMkStream(s.t.Context(), "stream", name, "0").Err(); err != nil {
		s.t.Fatal(err)
	}
	return &group{stream: s, name: name, pause: pause}
}

// consume reads the numbers from 0 to n-1. It acknowledges the youngest entries before
// older ones, and checks that those are still in the stream.
func (g *group) consume(n int) {
	for next := 0; next < n; {
		entries := g.read(10)
		for _, entry := range entries {
			if got := entry.Values["number"]; got != strconv.Itoa(next) {
				g.t.Errorf("%s: entry %v is delivered; want %d", g.name, got, next)
				return
			}
			next++
			<-time.After(g.pause)
		}
		g.held = append(g.held, entries...)
		if len(g.held) > 50 {
			g.acknowledge(g.held[30:]...)
			g.acknowledge(g.held[:20]...)
			g.held = g.held[20:30]
		}
		if len(entries) == 0 || !g.holds() {
			return
		}
	}
}

// holds checks that the stream has all entries that are not acknowledged.
func (g *group) holds() bool {
	pipe := g.client.Pipeline()
	for _, entry := range g.held {
		pipe.XRange(g.t.Context(), "stream", entry.ID, entry.ID)
	}
	answers, err := pipe.Exec(g.t.Context())
	for i, answer := range answers {
		if found := answer.(*redis.XMessageSliceCmd).Val(); len(found) != 1 {
			g.t.Errorf("%s: the pending entry %s is gone, %v", g.name, g.held[i].ID, err)
			return false
		}
	}
	return true
}

func (g *group) acknowledgeRest() {
	g.acknowledge(g.held...)
	g.held = nil
}

func (g *group) acknowledge(entries ...redis.XMessage) {
	for _, entry := range entries {
		if err := g.client.XAck(g.t.Context(), "stream", g.name, entry.ID).Err(); err != nil {
			g.t.Error(err)
		}
	}
}

// read returns up to n new entries. It waits until there is one.
func (g *group) read(n int64) []redis.XMessage {
	got, err := g.client.XReadGroup(g.t.Context(), &redis.XReadGroupArgs{
		Group: g.name, Consumer: "c", Streams: []string{"stream", ">"}, Count: n, Block: 10 * time.Second,
	}).Result()
	if err != nil || len(got) == 0 {
		g.t.Errorf("%s: reading: %v", g.name, err)
		return nil
	}
	return got[0].Messages
}
