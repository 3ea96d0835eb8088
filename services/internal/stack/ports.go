package stack

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Free ports are searched below the range from which Linux and macOS take the
// ports of outgoing connections, so that none of those takes one meanwhile.
const (
	firstPort  = 20000
	portCount  = 12000
	portTries  = 2000
	probeLimit = 200 * time.Millisecond
)

// FreePorts finds n free ports of the loopback interface, none of which is among
// except. It keeps them taken until release is called, which may be called more
// than once. A program that is to listen on one needs it to be released first.
func FreePorts(n int, except ...int) (ports []int, release func(), err error) {
	var held []net.Listener
	release = sync.OnceFunc(func() {
		for _, l := range held {
			_ = l.Close()
		}
	})
	for tries := 0; len(ports) < n; tries++ {
		if tries == portTries {
			release()
			return nil, nil, fmt.Errorf("finding %d free ports: %d tries were not enough", n, portTries)
		}
		port := firstPort + rand.IntN(portCount)
		if slices.Contains(except, port) {
			continue
		}
		l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", loopback(port))
		if err != nil {
			continue
		}
		held = append(held, l)
		ports = append(ports, port)
	}
	return ports, release, nil
}

// TakenError reports that a program listens on a port.
type TakenError struct {
	Port   int
	Holder string // the program, as far as the system names it
}

func (e *TakenError) Error() string { return fmt.Sprintf("port %d is taken by %s", e.Port, e.Holder) }

// CheckFree returns a *TakenError if a program listens on the port of the
// loopback interface, and another error if the port cannot be used.
func CheckFree(ctx context.Context, port int) error {
	// Some systems let a second program listen on one address of a port that
	// another program holds on all of them.
	dialer := net.Dialer{Timeout: probeLimit}
	if conn, err := dialer.DialContext(ctx, "tcp", loopback(port)); err == nil {
		return errors.Join(&TakenError{Port: port, Holder: holder(ctx, port)}, conn.Close())
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", loopback(port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return &TakenError{Port: port, Holder: holder(ctx, port)}
	}
	if err != nil {
		return fmt.Errorf("port %d cannot be used: %w", port, err)
	}
	return l.Close()
}

func loopback(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}
