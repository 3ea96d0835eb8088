package stack

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
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

// FreePorts finds n free ports of the loopback interface and keeps them taken
// until release is called, which may happen any number of times. Whoever wants
// to listen on one releases them right before.
func FreePorts(n int) (ports []int, release func(), err error) {
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
		if l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", loopback(port)); err == nil {
			held, ports = append(held, l), append(ports, port)
		}
	}
	return ports, release, nil
}

// CheckFree fails if something listens on the port of the loopback interface.
func CheckFree(ctx context.Context, port int) error {
	// Some systems let a second program listen on one address of a port that
	// another holds on all of them.
	dialer := net.Dialer{Timeout: probeLimit}
	if conn, err := dialer.DialContext(ctx, "tcp", loopback(port)); err == nil {
		return errors.Join(errors.New("something answers there"), conn.Close())
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", loopback(port))
	if err != nil {
		return err
	}
	return l.Close()
}

func loopback(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}
