package stack

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"time"
)

const redisStartTimeout = 10 * time.Second

// RedisServer is a redis-server that keeps its data in a directory. A write that
// it has acknowledged survives a Kill.
type RedisServer struct {
	*Process

	port int
}

// NewRedisServer returns a server on a free port that is not started yet. It
// fails where no redis-server is installed.
func NewRedisServer(dir string, output *Output) (*RedisServer, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("looking for a Redis: %w", err)
	}
	ports, release, err := FreePorts(1)
	if err != nil {
		return nil, err
	}
	return &RedisServer{
		Process: NewProcess(Command{
			Name: "redis", Path: path, Dir: dir, Ports: ports, Output: output, release: release,
			Args: []string{
				"--port", strconv.Itoa(ports[0]),
				"--bind", "127.0.0.1",
				"--dir", dir,
				"--appendonly", "yes",
				"--save", "",
				"--loglevel", "warning",
			},
		}),
		port: ports[0],
	}, nil
}

// Addr is host:port.
func (r *RedisServer) Addr() string { return loopback(r.port) }

// Start starts the server and waits until it answers.
func (r *RedisServer) Start(ctx context.Context) error {
	if err := r.Process.Start(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, redisStartTimeout)
	defer cancel()
	err := await(ctx, "redis-server", []*Process{r.Process}, func(ctx context.Context) error {
		if err := Ping(ctx, r.Addr(), ""); err != nil {
			return err
		}
		return r.confirm(ctx, r.port)
	})
	if err != nil {
		r.Kill()
	}
	return err
}
