package mcpclient

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// maxLastWords is how much of what a command has written to its standard error is kept,
// in bytes.
const maxLastWords = 500

// command is a transport to a program that it starts. Unlike the SDK's it limits the
// length of messages, gives the program no secrets of this process, ends its children
// with it, and says how it has ended.
type command struct {
	cfg   Server
	leave time.Duration
	child *child // nil until it is started
}

// end says how the command has ended, after the end of the connection.
func (c *command) end() error {
	if c.child == nil {
		return nil
	}
	<-c.child.done
	return fmt.Errorf("the command has ended: %s: %s", c.child.cmd.ProcessState, c.child.words.String())
}

// Connect implements mcp.Transport.
func (c *command) Connect(ctx context.Context) (mcp.Connection, error) {
	child := &child{
		cmd:   exec.Command(c.cfg.Command, c.cfg.Args...), //nolint:gosec,noctx // the operator's; it outlives ctx
		done:  make(chan struct{}),
		leave: c.leave,
	}
	child.cmd.Env = c.cfg.environment()
	child.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	child.cmd.Stderr = &child.words
	child.cmd.WaitDelay = c.leave // for grandchildren that hold the pipes
	stdin, err := child.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("preparing the command: %w", err)
	}
	// Unlike StdoutPipe, this one is not closed before it is read to its end.
	stdout, theirs, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("preparing the command: %w", err)
	}
	child.stdin, child.stdout = stdin, stdout
	child.cmd.Stdout = theirs
	err = child.cmd.Start()
	_ = theirs.Close()
	if err != nil {
		_ = stdout.Close()
		return nil, fmt.Errorf("starting the command: %w", err)
	}
	go child.wait()
	c.child = child
	return (&mcp.IOTransport{Reader: child, Writer: child, MaxLineLength: maxMessage}).Connect(ctx)
}

// child is a running command. Reading and writing are those of its standard output and
// input.
type child struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout io.ReadCloser
	words  lastWords
	leave  time.Duration
	once   sync.Once
	done   chan struct{} // closed when it has ended
}

// wait waits for the end of the command, and then ends those that it has left behind:
// they would hold its output open.
func (c *child) wait() {
	defer close(c.done)
	_ = c.cmd.Wait() // ProcessState says how it ended
	_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
}

// Write writes to the command.
func (c *child) Write(b []byte) (int, error) { return c.stdin.Write(b) }

// Read reads from the command.
func (c *child) Read(b []byte) (int, error) { return c.stdout.Read(b) }

// Close ends the command as the protocol asks for: it closes its input, waits, sends
// SIGTERM, waits, and kills it and its children.
func (c *child) Close() error {
	c.once.Do(func() {
		_ = c.stdin.Close()
		for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
			select {
			case <-c.done:
			case <-time.After(c.leave):
				_ = syscall.Kill(-c.cmd.Process.Pid, signal)
			}
		}
		<-c.done
		_ = c.stdout.Close()
	})
	return nil
}

// lastWords keeps the end of what is written to it.
type lastWords struct {
	mu   sync.Mutex
	tail []byte
}

func (l *lastWords) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = append(l.tail, b[max(0, len(b)-maxLastWords):]...)
	l.tail = append(l.tail[:0], l.tail[max(0, len(l.tail)-maxLastWords):]...)
	return len(b), nil
}

func (l *lastWords) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.TrimSpace(strings.ToValidUTF8(string(l.tail), ""))
}
