package stack

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"
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
			if _, err := exec.LookPath("redis-server"); err != nil {
				t.Skip("no redis-server installed")
			}
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
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("no redis-server installed")
	}
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
