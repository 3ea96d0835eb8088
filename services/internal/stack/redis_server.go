package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	redisStartTimeout = 5 * time.Minute // it reads its file, which may be large
	redisLockTimeout  = 5 * time.Second // for a server that is about to end
)

// RedisServer is a redis-server that keeps its data in a directory, in an append-only
// file. It writes to the file before it acknowledges, but for appendfsync everysec,
// its default: while a flush to the disk takes long, the writes of up to two seconds
// wait in memory, and a Kill loses them.
type RedisServer struct {
	*Process

	dir  string
	port int
}

// NewRedisServer returns a server on a free port that is not started yet. The
// arguments are added to those of redis-server. It fails where none is installed.
func NewRedisServer(dir string, output *Output, args ...string) (*RedisServer, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, errors.New("there is no redis-server on PATH; " +
			"install it (apt install redis-server, or brew install redis)")
	}
	ports, release, err := FreePorts(1)
	if err != nil {
		return nil, err
	}
	return &RedisServer{
		Process: NewProcess(Command{
			Name: "redis", Path: path, Dir: dir, Ports: ports, Output: output, release: release,
			Args: append([]string{
				"--port", strconv.Itoa(ports[0]),
				"--bind", "127.0.0.1",
				"--dir", dir,
				"--appendonly", "yes",
				"--save", "",
				"--loglevel", "warning",
			}, args...),
		}),
		dir:  dir,
		port: ports[0],
	}, nil
}

// Addr is host:port.
func (r *RedisServer) Addr() string { return loopback(r.port) }

// Start starts the server and waits until it answers. It fails if another server uses
// the directory: two of them would spoil each other's file.
func (r *RedisServer) Start(ctx context.Context) error {
	lock, err := r.lock(ctx)
	if err != nil {
		return fmt.Errorf("starting %s: %w", r.Name(), err)
	}
	err = r.start(ctx, lock)
	if err == nil {
		_, err = lock.WriteString(strconv.Itoa(r.Pid()))
	}
	_ = lock.Close()
	if err == nil {
		err = r.waitUntilItAnswers(ctx)
	}
	if err != nil {
		r.Kill()
	}
	return err
}

func (r *RedisServer) waitUntilItAnswers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, redisStartTimeout)
	defer cancel()
	return await(ctx, "redis-server", []*Process{r.Process}, func(ctx context.Context) error {
		if err := Ping(ctx, r.Addr(), ""); err != nil {
			return err
		}
		return r.confirm(ctx, r.port)
	})
}

// lock returns a file in the directory that nobody else has locked. The server
// inherits the lock and holds it until it ends, also when this process ends first.
func (r *RedisServer) lock(ctx context.Context) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(r.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, redisLockTimeout)
	defer cancel()
	err = await(ctx, lock.Name(), nil, func(context.Context) error {
		return syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	})
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		err = fmt.Errorf("another redis-server%s uses the directory %s; stop it first", holderOf(lock), r.dir)
	case err == nil:
		err = lock.Truncate(0)
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// holderOf returns the process id in a lock file, if there is one.
func holderOf(lock *os.File) string {
	pid, err := os.ReadFile(lock.Name())
	if err != nil || len(pid) == 0 {
		return ""
	}
	return fmt.Sprintf(" (pid %s)", strings.TrimSpace(string(pid)))
}
