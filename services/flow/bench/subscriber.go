package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"daca/services/internal/contract"
	"daca/services/internal/stack"
)

const (
	startTimeout = 2 * time.Minute
	closeTimeout = time.Minute
)

// subscriber consumes the topic messages from a Redis of its own.
type subscriber struct {
	name   string
	group  string // its consumer group
	client *redis.Client
	web    *http.Client
	parts  []part // redis, sidecar, service; those that there are
	// readers are what takes events from Redis: sidecars, where there are any. They are
	// started for each run, when its events are there.
	readers []*stack.Process
	// services are those that count; none in a subscriber without work.
	services []*stack.Service
	// count returns how often the user was counted. It is nil in a subscriber that
	// does not count.
	count func(ctx context.Context, user string) (int, error)
	// counted are the users that were counted in earlier runs.
	counted map[string]int
	close   []func(context.Context) error // called last to first
}

// newSubscriber starts a Redis. The caller adds who consumes, and stops it.
func (b *bench) newSubscriber(ctx context.Context, name string) (*subscriber, error) {
	dir := filepath.Join(b.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("preparing %s: %w", name, err)
	}
	server, err := stack.NewRedisServer(dir, nil)
	if err != nil {
		return nil, err
	}
	if err := server.Start(ctx); err != nil {
		return nil, err
	}
	s := &subscriber{name: name, counted: map[string]int{}}
	s.web = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	s.client = redis.NewClient(&redis.Options{Addr: server.Addr()})
	s.parts = []part{{"redis", []*stack.Process{server.Process}}}
	s.close = append(s.close, server.Stop, func(context.Context) error { return s.client.Close() })
	return s, nil
}

// stop stops everything.
func (s *subscriber) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	var errs []error
	for i := len(s.close) - 1; i >= 0; i-- {
		errs = append(errs, s.close[i](ctx))
	}
	return errors.Join(errs...)
}

// exact counts with replicas of the analytics service, each with its sidecar, as the
// suite does. A bin with programs that do nothing makes it a subscriber without work.
func (b *bench) exact(ctx context.Context, name, bin string, replicas int) (*subscriber, error) {
	s, err := b.newSubscriber(ctx, name)
	if err != nil {
		return nil, err
	}
	err = b.addServices(ctx, s, bin, replicas)
	if err != nil {
		return nil, errors.Join(err, s.stop(ctx))
	}
	return s, nil
}

func (b *bench) addServices(ctx context.Context, s *subscriber, bin string, replicas int) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	parts, err := b.stack(s, bin)
	if err != nil {
		return err
	}
	sidecar := part{name: "sidecar"}
	service := part{name: "service"}
	for i := range replicas {
		replica, err := parts.Analytics(stack.ServiceOptions{Name: fmt.Sprint("analytics-", i)})
		if err != nil {
			return err
		}
		if err := replica.Start(ctx); err != nil {
			return err
		}
		if err := replica.WaitReady(ctx); err != nil {
			return err
		}
		s.group = replica.AppID
		s.services = append(s.services, replica)
		s.readers = append(s.readers, replica.Sidecar)
		sidecar.processes = append(sidecar.processes, replica.Sidecar)
		service.processes = append(service.processes, replica.App)
	}
	s.parts = append(s.parts, sidecar, service)
	s.count = func(ctx context.Context, user string) (int, error) {
		return countOf(ctx, s.web, s.services[0].URL, user)
	}
	return nil
}

// stack returns what starts services with sidecars, as make run does, at the Redis of
// the subscriber, which stops them.
func (b *bench) stack(s *subscriber, bin string) (*stack.Stack, error) {
	parts, err := stack.New(stack.Options{
		Daprd:      b.daprd,
		Bin:        bin,
		Components: filepath.Join(b.root, "components"),
		Dir:        filepath.Join(b.dir, s.name),
		RedisAddr:  s.client.Options().Addr,
		Suffix:     fmt.Sprintf("%s%d", s.name, os.Getpid()),
		Env:        stack.BaseEnv(os.Environ()),
	})
	if err == nil {
		s.close = append(s.close, parts.Close)
	}
	return parts, err
}

// bulk is the subscriber without work behind the Dapr resources and the sidecar's
// flags of the analytics service.
func (b *bench) bulk(ctx context.Context) (*subscriber, error) {
	s, err := b.exact(ctx, "bulk", b.noops, 1)
	if err == nil {
		s.count = nil
	}
	return s, err
}

// raw counts without Dapr.
func (b *bench) raw(ctx context.Context) (*subscriber, error) {
	s, err := b.newSubscriber(ctx, "raw")
	if err != nil {
		return nil, err
	}
	process := stack.NewProcess(stack.Command{
		Name: "raw", Path: filepath.Join(b.noops, rawProgram), Dir: b.dir,
		Env: append(stack.BaseEnv(os.Environ()), "RAW_REDIS="+s.client.Options().Addr),
	})
	s.readers = []*stack.Process{process}
	s.close = append(s.close, process.Stop)
	s.group = rawGroup
	s.parts = append(s.parts, part{"service", []*stack.Process{process}})
	s.count = func(ctx context.Context, user string) (int, error) {
		return s.client.Get(ctx, rawCount(user)).Int()
	}
	return s, nil
}

// deliversBatches reports whether the suite's sidecars deliver events in batches.
func (b *bench) deliversBatches() (bool, error) {
	text, err := os.ReadFile(filepath.Join(b.root, "components", "subscriptions.yaml"))
	if err != nil {
		return false, fmt.Errorf("reading how %s are delivered: %w", contract.TopicMessages, err)
	}
	return strings.Contains(string(text), "bulkSubscribe"), nil
}
