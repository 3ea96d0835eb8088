package main

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"daca/services/internal/stack"
)

func TestTrim(t *testing.T) {
	t.Parallel()
	t.Run("removes what all subscribers have acknowledged", func(t *testing.T) {
		t.Parallel()
		server := stack.NewEmbeddedRedis()
		if err := server.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = server.Stop(t.Context()) })
		client := redis.NewClient(&redis.Options{Addr: server.Addr()})
		t.Cleanup(func() { _ = client.Close() })
		var ids []string
		for range 3 {
			added := client.XAdd(t.Context(), &redis.XAddArgs{Stream: "messages", Values: []any{"data", "{}"}})
			ids = append(ids, added.Val())
		}
		client.XGroupCreate(t.Context(), "messages", "analytics-service", "0")
		client.XReadGroup(t.Context(), &redis.XReadGroupArgs{
			Group: "analytics-service", Consumer: "c", Streams: []string{"messages", ">"}, Count: 2,
		})
		client.XAck(t.Context(), "messages", "analytics-service", ids[0])

		tr := setup(t, "REDIS_HOST="+server.Addr())
		tr.start(t)
		tr.expect(t, "Ctrl-C stops everything.")
		left := func() []redis.XMessage { return client.XRange(t.Context(), "messages", "-", "+").Val() }
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for end := time.Now().Add(deadline); len(left()) == 3 && time.Now().Before(end); {
			<-tick.C
		}
		if got := left(); len(got) != 2 || got[0].ID != ids[1] {
			t.Errorf("%v are left of %v, of which the first is acknowledged, the second is pending, the third unread", got, ids)
		}
	})
	t.Run("says that it fails", func(t *testing.T) {
		t.Parallel()
		tr := setup(t)
		tr.trimScript = "trim_test.go" // is no Lua
		tr.start(t)
		tr.expect(t, "The streams in Redis cannot be trimmed, and grow: ")
	})
}
