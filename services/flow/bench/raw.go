package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/redis/go-redis/v9"

	"daca/services/internal/contract"
)

// rawProgram is the name by which this program counts without Dapr.
const rawProgram = "raw"

const (
	rawGroup   = "raw"
	rawReaders = 2 // one of them works while the other waits for Redis
	rawBatch   = 100
	rawBlock   = time.Second
)

// countOnce counts the event unless its id is known. KEYS are those of the id and of
// the count, ARGV is how long ids are remembered.
const countOnce = `if redis.call('SET', KEYS[1], 1, 'NX', 'EX', ARGV[1]) then redis.call('INCR', KEYS[2]) end return 1`

const rawWindow = 24 * time.Hour

func rawCount(user string) string { return "count:" + user }

// consumeRaw counts the events on the stream until ctx ends.
func consumeRaw(ctx context.Context, addr string) error {
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer func() { _ = client.Close() }()
	script, err := client.ScriptLoad(ctx, countOnce).Result()
	if err != nil {
		return fmt.Errorf("loading the script: %w", err)
	}
	errs := make([]error, rawReaders)
	var reading sync.WaitGroup
	for i := range rawReaders {
		reading.Go(func() {
			for ctx.Err() == nil && errs[i] == nil {
				errs[i] = countBatch(ctx, client, script, fmt.Sprint("reader-", i))
			}
		})
	}
	reading.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return errors.Join(errs...)
}

// countBatch reads, counts and acknowledges up to rawBatch events.
func countBatch(ctx context.Context, client *redis.Client, script, reader string) error {
	got, err := client.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: rawGroup, Consumer: reader, Streams: []string{contract.TopicMessages, ">"}, Count: rawBatch, Block: rawBlock,
	}).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return nil
	case err != nil:
		return fmt.Errorf("reading: %w", err)
	}
	pipe := client.Pipeline()
	ids := make([]string, 0, rawBatch)
	for _, entry := range got[0].Messages {
		var event struct {
			ID   string `json:"id"`
			Data struct {
				UserID string `json:"user_id"`
			} `json:"data"`
		}
		text, _ := entry.Values["data"].(string)
		if err := jsonv2.Unmarshal([]byte(text), &event); err != nil {
			return fmt.Errorf("decoding the event %s: %w", entry.ID, err)
		}
		keys := []string{"id:" + event.ID, rawCount(event.Data.UserID)}
		pipe.EvalSha(ctx, script, keys, int(rawWindow.Seconds()))
		ids = append(ids, entry.ID)
	}
	pipe.XAck(ctx, contract.TopicMessages, rawGroup, ids...)
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("counting: %w", err)
	}
	return nil
}
