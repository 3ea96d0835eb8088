package flow

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"daca/services/internal/stack"
)

// postgres is a PostgreSQL with an empty database.
type postgres struct {
	*stack.Process

	port    int
	release func() // gives up the port
}

const serverStart = time.Minute // on a busy machine

// newPostgres creates a database, and returns its server, which is not started yet.
func newPostgres(t testing.TB, output *stack.Output) *postgres {
	t.Helper()
	const binaries = "/usr/lib/postgresql/*/bin"
	initdb := program(t, "initdb", "postgresql", binaries)
	path := program(t, "postgres", "postgresql", binaries)
	// PostgreSQL does not run as root, and nobody else may look into t.TempDir().
	dir, err := os.MkdirTemp("", "daca-postgres")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	credential := unprivileged(t, dir)
	data := filepath.Join(dir, "data")
	create := exec.CommandContext(t.Context(), initdb, "--pgdata", data, "--username", "daca", "--auth", "trust",
		"--encoding", "UTF8", "--locale", "C", "--no-sync")
	create.Dir = dir
	create.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
	if printed, err := create.CombinedOutput(); err != nil {
		t.Fatalf("creating a PostgreSQL: %v\n%s", err, printed)
	}
	ports, release, err := stack.FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return &postgres{port: ports[0], release: release, Process: stack.NewProcess(stack.Command{
		Name: "postgres", Path: path, Dir: dir, Ports: ports, Output: output, Credential: credential,
		Args: []string{
			"-D", data, "-p", strconv.Itoa(ports[0]),
			"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "log_min_messages=fatal",
		},
	})}
}

// unprivileged returns whom to run a program as that does not run as root, and gives
// them the directory. It returns nil if this process is not root's.
func unprivileged(t testing.TB, dir string) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	found, err := user.Lookup("postgres")
	if err != nil {
		found, err = user.Lookup("nobody")
	}
	if err != nil {
		t.Fatal("looking for a user who is not root: ", err)
	}
	uid, uidErr := strconv.ParseUint(found.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(found.Gid, 10, 32)
	if err := errors.Join(uidErr, gidErr, os.Chown(dir, int(uid), int(gid))); err != nil {
		t.Fatal("preparing to run as ", found.Username, ": ", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// Start starts the server and waits until it answers. After a Kill, its old children
// may keep it from starting for a moment.
func (p *postgres) Start(ctx context.Context) error {
	p.release()
	var err error
	if !within(serverStart, func() bool {
		if ended(p.Process) {
			err = p.Process.Start(ctx)
		}
		return err == nil && p.answers(ctx) && !ended(p.Process)
	}) {
		return errors.Join(fmt.Errorf("PostgreSQL does not answer within %s", serverStart), err)
	}
	return nil
}

// Stop stops the server while clients are connected; SIGTERM alone would wait for them.
func (p *postgres) Stop(ctx context.Context) error {
	if ended(p.Process) {
		return nil
	}
	if err := p.Process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return p.Process.Stop(ctx)
}

// Signal sends the signal to the children too, which are no part of the process group.
func (p *postgres) Signal(signal syscall.Signal) error {
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", p.Pid(), p.Pid()))
	if err != nil {
		return err
	}
	for _, child := range strings.Fields(string(children)) {
		pid, err := strconv.Atoi(child)
		if err != nil {
			return err
		}
		_ = syscall.Kill(pid, signal) // it may have ended meanwhile
	}
	return p.Process.Signal(signal)
}

func ended(p *stack.Process) bool {
	select {
	case <-p.Done():
		return true
	default:
		return p.Done() == nil
	}
}

// answers reports whether the server lets a client in, by the first bytes of its
// protocol.
func (p *postgres) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.address())
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	const startup = "\x00\x00\x00\x25\x00\x03\x00\x00user\x00daca\x00database\x00postgres\x00\x00"
	if _, err := conn.Write([]byte(startup)); err != nil {
		return false
	}
	kind := make([]byte, 1)
	_, err = conn.Read(kind)
	return err == nil && kind[0] == 'R' // authentication; E would be an error
}

func (p *postgres) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)) }

// Values implements server.
func (p *postgres) Values() map[string]string {
	return map[string]string{"statestore.connectionString": fmt.Sprintf(
		"host=127.0.0.1 port=%d user=daca password=daca database=postgres sslmode=disable", p.port)}
}
