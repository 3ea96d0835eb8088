package stack

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"daca/services/internal/stack/stacktest"
)

// redisConn speaks to a Redis line by line.
type redisConn struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func dialRedis(t *testing.T, addr string) *redisConn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &redisConn{t, conn, bufio.NewReader(conn)}
}

func (c *redisConn) send(line string) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c.conn, "*%d\r\n", len(strings.Fields(line))); err != nil {
		c.t.Fatal(err)
	}
	for _, word := range strings.Fields(line) {
		_, _ = fmt.Fprintf(c.conn, "$%d\r\n%s\r\n", len(word), word)
	}
}

func (c *redisConn) expect(lines ...string) {
	c.t.Helper()
	for _, want := range lines {
		got, err := c.in.ReadString('\n')
		if err != nil || strings.TrimSpace(got) != want {
			c.t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
}

func TestRedisKeepsDataOverARestart(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(t *testing.T) Redis{
		"embedded": func(*testing.T) Redis { return NewEmbeddedRedis() },
		"redis-server": func(t *testing.T) Redis {
			stacktest.NeedRedisServer(t)
			r, err := NewRedisServer(t.TempDir(), nil)
			if err != nil {
				t.Fatal(err)
			}
			return r
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis := open(t)
			if err := redis.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = redis.Stop(context.WithoutCancel(t.Context())) })
			addr := redis.Addr()
			c := dialRedis(t, addr)
			c.send("SET key value")
			c.expect("+OK")

			if err := redis.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := Ping(t.Context(), addr, ""); err == nil {
				t.Error("it answers after Stop")
			}
			if err := redis.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			if redis.Addr() != addr {
				t.Errorf("it moved from %s to %s", addr, redis.Addr())
			}
			c = dialRedis(t, addr)
			c.send("GET key")
			c.expect("$5", "value")
			// Commands that block work after a restart too.
			c.send("BLPOP list 0")
			other := dialRedis(t, addr)
			other.send("RPUSH list item")
			other.expect(":1")
			c.expect("*2", "$4", "list", "$4", "item")
		})
	}
}

func startServer(t *testing.T, dir string) *RedisServer {
	t.Helper()
	server, err := NewRedisServer(dir, nil, "--appendfsync", "always")
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Kill)
	return server
}

func TestNewRedisServerSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := NewRedisServer(t.TempDir(), nil)
	if err == nil || !strings.Contains(err.Error(), "apt install redis-server") {
		t.Errorf("without a redis-server: %v", err)
	}
}

func TestRedisServerHasItsDirectoryAlone(t *testing.T) {
	t.Parallel()
	stacktest.NeedRedisServer(t)
	dir := t.TempDir()
	first := startServer(t, dir)
	second, err := NewRedisServer(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err = second.Start(ctx)
	want := fmt.Sprintf("starting redis: another redis-server (pid %d) uses the directory %s; stop it first",
		first.Pid(), dir)
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	// A server that is about to end is waited for.
	stopped := make(chan error, 1)
	go func() { stopped <- first.Stop(t.Context()) }()
	if err := second.Start(t.Context()); err != nil {
		t.Error(err)
	}
	second.Kill()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestRedisServerStartsWithACutFile(t *testing.T) {
	t.Parallel()
	stacktest.NeedRedisServer(t)
	dir := t.TempDir()
	server := startServer(t, dir)
	c := dialRedis(t, server.Addr())
	for _, key := range []string{"first", "second"} {
		c.send("SET " + key + " value")
		c.expect("+OK")
	}
	server.Kill()
	// Redis 7 has files in a directory of their own; earlier ones have a single file.
	files, err := filepath.Glob(filepath.Join(dir, "appendonlydir", "*.incr.aof"))
	if err != nil || len(files) == 0 {
		files = []string{filepath.Join(dir, "appendonly.aof")}
	}
	info, err := os.Stat(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(files[0], info.Size()-4); err != nil {
		t.Fatal(err)
	}
	server = startServer(t, dir)
	c = dialRedis(t, server.Addr())
	c.send("GET first")
	c.expect("$5", "value")
	c.send("GET second")
	c.expect("$-1")
}

func TestEmbeddedRedisAnswersWhatDaprAsks(t *testing.T) {
	t.Parallel()
	redis := NewEmbeddedRedis()
	if err := redis.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = redis.Stop(context.WithoutCancel(t.Context())) })
	c := dialRedis(t, redis.Addr())
	c.send("INFO replication")
	c.expect("$48", "# Replication", "role:master", "connected_slaves:0", "")
}

func TestPing(t *testing.T) {
	t.Parallel()
	stacktest.NeedRedisServer(t)
	redis, err := NewRedisServer(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	redis.command.release()
	err = Ping(t.Context(), redis.Addr(), "")
	if err == nil || !strings.HasPrefix(err.Error(), "connecting to Redis: ") {
		t.Errorf("before it is started: %v", err)
	}
	if err := redis.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(redis.Kill)
	if err := Ping(t.Context(), redis.Addr(), ""); err != nil {
		t.Error(err)
	}
	c := dialRedis(t, redis.Addr())
	c.send("CONFIG SET requirepass right")
	c.expect("+OK")
	if err := Ping(t.Context(), redis.Addr(), "right"); err != nil {
		t.Error(err)
	}
	for password, want := range map[string]string{"": "NOAUTH", "wrong": "WRONGPASS"} {
		err := Ping(t.Context(), redis.Addr(), password)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "wrong") {
			t.Errorf("with the password %q: %v", password, err)
		}
	}
}
