package stack

import (
	"context"
	"fmt"
	"net"
	"os"
	"syscall"

	sockets "github.com/shirou/gopsutil/v4/net"
	"github.com/shirou/gopsutil/v4/process"
)

// everybody is what listeners takes to look at all processes.
const everybody = 0

// listeners returns the ids of those processes that listen on the port: of all
// processes, or only of the one with the id. A user may not see the processes of
// others.
func listeners(ctx context.Context, port, id int) []int {
	open, err := sockets.ConnectionsPidWithContext(ctx, "tcp", int32(id))
	if err != nil {
		return nil
	}
	var found []int
	for _, socket := range open {
		if socket.Status == "LISTEN" && int(socket.Laddr.Port) == port && socket.Pid != 0 {
			found = append(found, int(socket.Pid))
		}
	}
	return found
}

// showsListeners reports whether the system shows who listens. Linux does where
// /proc is mounted, and other systems where lsof is installed.
func showsListeners(ctx context.Context) bool {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", loopback(0))
	if err != nil {
		return false
	}
	defer func() { _ = listener.Close() }()
	return len(listeners(ctx, listener.Addr().(*net.TCPAddr).Port, os.Getpid())) > 0
}

// holder names the program that listens on the port, as far as the system shows it.
func holder(ctx context.Context, port int) string {
	pids := listeners(ctx, port, everybody)
	if len(pids) == 0 {
		return "a program that the system does not name"
	}
	program := process.Process{Pid: int32(pids[0])}
	name, err := program.NameWithContext(ctx)
	if err != nil {
		return fmt.Sprintf("the process with the id %d", pids[0])
	}
	return fmt.Sprintf("%s (pid %d)", name, pids[0])
}

// confirm fails with a *TakenError if another program than the process listens on
// the port. Where the system does not show who listens, it cannot fail.
func (p *Process) confirm(ctx context.Context, port int) error {
	if p.listensOn(ctx, port) || !showsListeners(ctx) {
		return nil
	}
	return &TakenError{Port: port, Holder: holder(ctx, port)}
}

// listensOn reports whether the process or a child of it listens on the port.
func (p *Process) listensOn(ctx context.Context, port int) bool {
	group := p.Pid()
	if len(listeners(ctx, port, group)) > 0 {
		return true
	}
	for _, pid := range listeners(ctx, port, everybody) {
		if of, err := syscall.Getpgid(pid); err == nil && of == group {
			return true
		}
	}
	return false
}
