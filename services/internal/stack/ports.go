package stack

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// Free ports are searched below the range from which Linux and macOS take the
// ports of outgoing connections, so that none of those takes one meanwhile.
const (
	firstPort  = 20000
	portCount  = 12000
	probeLimit = 200 * time.Millisecond
)

// FreePorts finds n free ports of the loopback interface, none of which is among
// except. It keeps them taken until release is called, which may be called more
// than once. A program that is to listen on one needs it to be released first. Until
// it listens, nothing holds the port, so no process of this user gets a port again
// before it and the others have got all the other ports.
func FreePorts(n int, except ...int) (ports []int, release func(), err error) {
	var held []*os.File
	release = sync.OnceFunc(func() {
		for _, socket := range held {
			_ = socket.Close()
		}
	})
	turn := takeTurn()
	defer turn.pass()
	for range portCount {
		if len(ports) == n {
			return ports, release, nil
		}
		port := turn.port()
		if slices.Contains(except, port) {
			continue
		}
		socket, err := bind(port, true)
		if err != nil {
			continue
		}
		held = append(held, socket)
		ports = append(ports, port)
	}
	release()
	return nil, nil, fmt.Errorf("finding %d free ports: those from %d to %d are taken",
		n, firstPort, firstPort+portCount-1)
}

// turn goes through the ports, from where the last turn of any process ended.
type turn struct {
	lock *flock.Flock // of the file that has the next port; nil if there is none
	next int
}

// takeTurn waits until no other turn lasts. Where there is no directory for the file,
// turns start anywhere.
func takeTurn() *turn {
	t := &turn{next: firstPort + rand.IntN(portCount)}
	cache, err := os.UserCacheDir()
	if err != nil || os.MkdirAll(filepath.Join(cache, "daca"), 0o755) != nil {
		return t
	}
	lock := flock.New(filepath.Join(cache, "daca", "next-port"))
	if lock.Lock() != nil {
		return t
	}
	t.lock = lock
	text, _ := os.ReadFile(lock.Path())
	next, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err == nil && next >= firstPort && next < firstPort+portCount {
		t.next = next
	}
	return t
}

func (t *turn) port() int {
	port := t.next
	t.next = firstPort + (port-firstPort+1)%portCount
	return port
}

// pass lets the next turn begin.
func (t *turn) pass() {
	if t.lock != nil {
		_ = os.WriteFile(t.lock.Path(), []byte(strconv.Itoa(t.next)), 0o600)
		_ = t.lock.Unlock()
	}
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
	socket, err := bind(port, false)
	if errors.Is(err, syscall.EADDRINUSE) {
		return &TakenError{Port: port, Holder: holder(ctx, port)}
	}
	if err != nil {
		return fmt.Errorf("port %d cannot be used: %w", port, err)
	}
	return socket.Close()
}

// bind returns a socket that has the port of the loopback interface and does not listen.
// If it is to be alone, bind fails if another socket has the port, and otherwise if one
// listens on it. On Linux, programs can listen on the port meanwhile. That matters after
// the socket was closed too: a program that was just being started may still have a copy.
func bind(port int, alone bool) (*os.File, error) {
	syscall.ForkLock.RLock()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	socket := os.NewFile(uintptr(fd), "port "+strconv.Itoa(port))
	share := func() error { return syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1) }
	if !alone {
		err = share()
	}
	err = errors.Join(err, syscall.Bind(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}), share())
	if err != nil {
		return nil, errors.Join(os.NewSyscallError("bind", err), socket.Close())
	}
	return socket, nil
}

func loopback(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}
