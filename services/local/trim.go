package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"daca/services/internal/contract"
)

const trimTimeout = 10 * time.Second

// trimmer removes from the streams of the topics what all their subscribers have
// acknowledged. In a cluster a CronJob runs the same script.
type trimmer struct {
	client  *redis.Client
	script  *redis.Script
	every   time.Duration
	problem func(text string) // gets the first of several failures in a row
}

// trimStreams trims the streams in the Redis at addr until stop is called or ctx ends.
// It does nothing if addr is empty, and fails if there is no script.
func (l *launcher) trimStreams(ctx context.Context, addr string) (stop func(), err error) {
	if addr == "" {
		return func() {}, nil
	}
	script, err := os.ReadFile(l.trimScript)
	if err != nil {
		return nil, fmt.Errorf("reading the script that trims the streams: %w", err)
	}
	t := trimmer{
		client:  redis.NewClient(&redis.Options{Addr: addr, Password: l.cfg.RedisPassword}),
		script:  redis.NewScript(string(script)),
		every:   l.trimEvery,
		problem: l.term.Print,
	}
	ctx, cancel := context.WithCancel(ctx)
	var trimming sync.WaitGroup
	trimming.Go(func() { t.run(ctx) })
	return func() {
		cancel()
		trimming.Wait()
		_ = t.client.Close()
	}, nil
}

// run trims once in each interval, until ctx ends.
func (t *trimmer) run(ctx context.Context) {
	ticker := time.NewTicker(t.every)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := t.trim(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			t.problem(fmt.Sprintf("The streams in Redis cannot be trimmed, and grow: %v", err))
		}
		failing = err != nil
	}
}

func (t *trimmer) trim(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, trimTimeout)
	defer cancel()
	topics := []string{contract.TopicMessages, contract.TopicUsers, contract.TopicDeadLetters}
	return t.script.Run(ctx, t.client, topics).Err()
}
