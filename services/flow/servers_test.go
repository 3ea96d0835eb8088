package flow

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"daca/services/internal/stack"
)

// server is a state store or a broker. It keeps its data, and its address, over stops
// and starts.
type server interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	// Values are the metadata entries of components by which sidecars find it.
	Values() map[string]string
}

// fallible is a server that a test can let fail.
type fallible interface {
	server
	Kill()
	Signal(signal syscall.Signal) error
}

// fallible returns the server. It skips the test where that is part of this process.
func (s *system) fallible(of server) fallible {
	s.t.Helper()
	if found, ok := of.(fallible); ok {
		return found
	}
	if on, ok := of.(interface{ process() *stack.RedisServer }); ok && on.process() != nil {
		return redisProcess{redisServer{on.process()}, on.process()}
	}
	s.t.Skip("there is no redis-server")
	return nil
}

// program finds the newest of the programs that the patterns name, or else one in PATH.
// Without one, the test ends: it fails where everything has to be tested, and is
// skipped elsewhere.
func program(t testing.TB, name, debian string, patterns ...string) string {
	t.Helper()
	for _, pattern := range patterns {
		if found, _ := filepath.Glob(filepath.Join(pattern, name)); len(found) > 0 {
			slices.Sort(found)
			return found[len(found)-1]
		}
	}
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	missing := fmt.Sprintf("no %s is installed: apt-get install %s", name, debian)
	if os.Getenv("CI") != "" || os.Getenv(pairVariable) != "" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// redisServer is a Redis as a server. Its address is given to sidecars otherwise.
type redisServer struct{ stack.Redis }

func (redisServer) Values() map[string]string { return nil }

// process is nil if the Redis is embedded.
func (r redisServer) process() *stack.RedisServer {
	process, _ := r.Redis.(*stack.RedisServer)
	return process
}

// redisProcess is a Redis that can fail.
type redisProcess struct {
	redisServer
	*stack.RedisServer
}

// Start implements server.
func (r redisProcess) Start(ctx context.Context) error { return r.RedisServer.Start(ctx) }

// Stop implements server.
func (r redisProcess) Stop(ctx context.Context) error { return r.RedisServer.Stop(ctx) }

func newRedis(t testing.TB, output *stack.Output, embedded bool) stack.Redis {
	t.Helper()
	_, err := exec.LookPath("redis-server")
	if err != nil && (os.Getenv("CI") != "" || os.Getenv(pairVariable) != "") {
		t.Fatal("no redis-server is installed: apt-get install redis-server")
	}
	if err != nil || embedded {
		return stack.NewEmbeddedRedis()
	}
	// It is killed, but the machine is not. With everysec it acknowledges what it has not
	// handed to the system yet, while the disk is busy.
	server, err := stack.NewRedisServer(t.TempDir(), output, "--appendfsync", "no")
	if err != nil {
		t.Fatal(err)
	}
	return server
}
