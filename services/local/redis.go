package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"daca/services/internal/stack"
)

// redisKind is which Redis the components use.
type redisKind int

const (
	redisNone     redisKind = iota // no component is on Redis
	redisNamed                     // the one at REDIS_HOST
	redisServer                    // a redis-server with its data in DACA_DIR
	redisEmbedded                  // one in this process, which forgets
)

// redisKind returns which Redis is to be used. It fails if it cannot be started here,
// or if the directory of the Dapr resources has none.
func (l *launcher) redisKind() (redisKind, error) {
	onRedis, err := l.readComponents()
	switch {
	case err != nil:
		return redisNone, err
	case !onRedis:
		return redisNone, nil
	case l.cfg.RedisHost != "":
		return redisNamed, nil
	case l.cfg.Store == storeRedis && !l.installed:
		return redisNone, errors.New("DACA_STORE=redis needs a redis-server on PATH; " +
			"install it (apt install redis-server, or brew install redis)")
	case l.cfg.Store == storeEmbedded || !l.installed:
		return redisEmbedded, nil
	default:
		return redisServer, nil
	}
}

// readComponents reports whether a component is on Redis. It fails if sidecars could
// not start with the directory.
func (l *launcher) readComponents() (onRedis bool, err error) {
	_, err = os.Stat(filepath.Join(l.components, stack.ConfigurationFile))
	if err == nil {
		return stack.UsesRedis(l.components)
	}
	if l.cfg.Components != "" {
		return false, fmt.Errorf("COMPONENTS: %w; the directory has to hold all Dapr resources, as components/ does", err)
	}
	return false, fmt.Errorf("looking for the Dapr resources: %w", err)
}

func (l *launcher) redisDir() string { return filepath.Join(l.cfg.Dir, "redis") }

// startRedis starts a Redis, or pings the one at REDIS_HOST, and returns its address,
// which is empty if no component is on Redis.
func (l *launcher) startRedis(ctx context.Context, kind redisKind, parts *running) (addr string, err error) {
	switch kind {
	case redisNone:
		return "", nil
	case redisNamed:
		if err := stack.Ping(ctx, l.cfg.RedisHost, l.cfg.RedisPassword); err != nil {
			return "", fmt.Errorf("REDIS_HOST or REDIS_PASSWORD: %w", err)
		}
		return l.cfg.RedisHost, nil
	case redisServer:
		server, err := l.newServer()
		if err != nil {
			return "", err
		}
		parts.redis = server
	case redisEmbedded:
		parts.redis = stack.NewEmbeddedRedis()
	}
	err = l.term.Step(ctx, "Redis is up", func(ctx context.Context, progress func(string)) error {
		progress("Redis reads what it kept")
		return parts.redis.Start(ctx)
	})
	if err != nil {
		return "", err
	}
	return parts.redis.Addr(), nil
}

// newServer returns a redis-server that loses nothing, not even when the power fails:
// with appendfsync always, a write is on the disk before it is acknowledged. What it
// prints is shown only if it ends by itself.
func (l *launcher) newServer() (*stack.RedisServer, error) {
	if err := os.MkdirAll(l.redisDir(), 0o700); err != nil {
		return nil, fmt.Errorf("DACA_DIR: %w", err)
	}
	return stack.NewRedisServer(l.redisDir(), nil, "--appendfsync", "always")
}

func (r *running) stopRedis(ctx context.Context) error {
	if r.redis == nil {
		return nil
	}
	return r.redis.Stop(ctx)
}
