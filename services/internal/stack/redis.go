package stack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// Redis is a Redis that can be stopped and started again with its data kept.
type Redis interface {
	Addr() string // host:port, the same after every start
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
}

const pingTimeout = 3 * time.Second

// Ping returns an error unless the Redis at addr answers and accepts the password.
// An empty password is not sent.
func Ping(ctx context.Context, addr, password string) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("connecting to Redis: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	answers := bufio.NewReader(conn)
	if password != "" {
		if err := command(conn, answers, "AUTH", password); err != nil {
			return fmt.Errorf("sending the password to Redis at %s: %w", addr, err)
		}
	}
	if err := command(conn, answers, "PING"); err != nil {
		return fmt.Errorf("pinging Redis at %s: %w", addr, err)
	}
	return nil
}

// command sends one command in Redis' protocol and reads a one-line answer.
func command(conn net.Conn, answers *bufio.Reader, words ...string) error {
	var request strings.Builder
	fmt.Fprintf(&request, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&request, "$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := conn.Write([]byte(request.String())); err != nil {
		return err
	}
	answer, err := answers.ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.HasPrefix(answer, "+") {
		return errors.New(strings.TrimSpace(strings.TrimPrefix(answer, "-")))
	}
	return nil
}
