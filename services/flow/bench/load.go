package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"daca/services/internal/contract"
)

const (
	copyEvery = 50   // each event at such a place is a copy of the one before it
	chunk     = 1000 // entries that are added in one round trip
)

// workload is the events of one run, and how often each user has to be counted.
type workload struct {
	events []string
	counts map[string]int
}

// newWorkload returns n events, the i-th distinct one of the user that user(i) names.
// They look as chat's sidecar writes them to the stream.
func newWorkload(n int, user func(i int) string) workload {
	const format = `{"data":{"event_type":"MessageSent","user_id":%q},"datacontenttype":"application/json",` +
		`"id":%q,"pubsubname":"pubsub","source":"chat-service","specversion":"1.0","time":%q,"topic":"messages",` +
		`"traceid":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",` +
		`"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00","tracestate":"","type":"MessageSent"}`
	w := workload{counts: map[string]int{}}
	distinct := 0
	for i := range n {
		if i%copyEvery == copyEvery-1 {
			w.events = append(w.events, w.events[i-1])
			continue
		}
		name := user(distinct)
		distinct++
		w.counts[name]++
		at := time.Now().UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano)
		w.events = append(w.events, fmt.Sprintf(format, name, uuid.NewString(), at))
	}
	return w
}

// withCopies returns how many events newWorkload has to make for n distinct ones.
func withCopies(n int) int { return n + (n-1)/(copyEvery-1) }

// inTurn returns the users PREFIX-0 to PREFIX-(n-1) one after the other.
func inTurn(prefix string, n int) func(int) string {
	return func(i int) string { return fmt.Sprintf("%s-%d", prefix, i%n) }
}

// always returns the same user.
func always(user string) func(int) string {
	return func(int) string { return user }
}

// zipf returns users of whom the k-th is chosen in proportion to k^-exponent. It is
// the same sequence each time.
func zipf(prefix string, exponent float64, users uint64) func(int) string {
	choose := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), exponent, 1, users-1)
	return func(int) string { return fmt.Sprintf("%s-%d", prefix, choose.Uint64()) }
}

// publish puts the events on the stream of the topic, in place of those of the last
// run. The group, which nobody reads for at the moment, has all of them before it.
func (w workload) publish(ctx context.Context, client *redis.Client, group string) error {
	if err := client.Del(ctx, contract.TopicMessages).Err(); err != nil {
		return fmt.Errorf("removing the events of the last run: %w", err)
	}
	for events := range slices.Chunk(w.events, chunk) {
		pipe := client.Pipeline()
		for _, event := range events {
			pipe.XAdd(ctx, &redis.XAddArgs{Stream: contract.TopicMessages, Values: []any{"data", event}})
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return fmt.Errorf("publishing: %w", err)
		}
	}
	if err := client.XGroupCreate(ctx, contract.TopicMessages, group, "0").Err(); err != nil {
		return fmt.Errorf("creating the consumer group: %w", err)
	}
	return nil
}
