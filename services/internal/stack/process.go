package stack

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"
)

const defaultGrace = 10 * time.Second

// Command says how a process is started and stopped.
type Command struct {
	Name   string // names the process in its output and in errors
	Path   string
	Args   []string
	Env    []string
	Dir    string
	Ports  []int         // of the loopback interface, which it listens on once it is up
	Grace  time.Duration // between SIGTERM and SIGKILL; 0 is 10 s
	Output *Output       // takes what the process prints; nil discards it
	// Credential is whom the process runs as; nil is the user of this one.
	Credential *syscall.Credential

	release func() // called before each start; gives up the ports that are held for it
}

// Process is a program that can be started, stopped and started again. It leads a
// process group of its own: a Ctrl-C in the terminal does not reach it, and its
// children end with it. On Linux the kernel kills it when this process dies.
type Process struct {
	command Command
	mu      sync.Mutex
	current *run
}

// NewProcess returns a process that is not started yet.
func NewProcess(command Command) *Process {
	if command.Grace == 0 {
		command.Grace = defaultGrace
	}
	return &Process{command: command}
}

// Start starts the process. It fails if the program cannot be run, or if the process
// is already running. The process outlives ctx: only Stop and Kill end it.
func (p *Process) Start(ctx context.Context) error { return p.start(ctx) }

// start is Start, and lets the process inherit open files.
func (p *Process) start(ctx context.Context, files ...*os.File) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current != nil && !p.current.ended() {
		return fmt.Errorf("starting %s: it is running already", p.command.Name)
	}
	if p.command.release != nil {
		p.command.release()
	}
	r := &run{done: make(chan struct{})}
	started := make(chan error, 1)
	go r.supervise(context.WithoutCancel(ctx), p.command, files, started)
	if err := <-started; err != nil {
		return fmt.Errorf("starting %s: %w", p.command.Name, err)
	}
	p.current = r
	return nil
}

// Stop sends SIGTERM to the process and its children, and waits for the end of the
// process. If the grace period or ctx ends first, it sends SIGKILL and returns an
// error. It returns nil if the process does not run.
func (p *Process) Stop(ctx context.Context) error {
	r := p.last()
	if r == nil || r.ended() {
		return nil
	}
	r.asked.Store(true)
	_ = syscall.Kill(-r.pid, syscall.SIGTERM)
	grace := time.NewTimer(p.command.Grace)
	defer grace.Stop()
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		p.Kill()
		return fmt.Errorf("%s was killed: %w", p.command.Name, context.Cause(ctx))
	case <-grace.C:
		p.Kill()
		return fmt.Errorf("%s did not end within %s of SIGTERM and was killed", p.command.Name, p.command.Grace)
	}
}

// Kill ends the process and its children with SIGKILL and waits for their end.
func (p *Process) Kill() {
	r := p.last()
	if r == nil || r.ended() {
		return
	}
	r.asked.Store(true)
	_ = syscall.Kill(-r.pid, syscall.SIGKILL)
	<-r.done
}

// Signal sends sig to the process and its children. An end that it causes
// counts as unexpected.
func (p *Process) Signal(sig syscall.Signal) error {
	r := p.last()
	if r == nil || r.ended() {
		return fmt.Errorf("sending %s to %s: %w", sig, p.command.Name, os.ErrProcessDone)
	}
	if err := syscall.Kill(-r.pid, sig); err != nil {
		return fmt.Errorf("sending %s to %s: %w", sig, p.command.Name, err)
	}
	return nil
}

// Done returns a channel that is closed when the process has ended. It is nil before
// the first Start, and each Start makes a new one.
func (p *Process) Done() <-chan struct{} {
	if r := p.last(); r != nil {
		return r.done
	}
	return nil
}

// Wait waits for the end of a started process. It returns nil if the process
// was stopped or killed, else an error with how it ended and its last lines.
func (p *Process) Wait() error {
	r := p.last()
	if r == nil {
		return fmt.Errorf("waiting for %s: it was never started", p.command.Name)
	}
	<-r.done
	return r.err
}

// Name returns the name from the command.
func (p *Process) Name() string { return p.command.Name }

// Pid returns the id of the process, which is also that of its group; 0 before the
// first Start.
func (p *Process) Pid() int {
	if r := p.last(); r != nil {
		return r.pid
	}
	return 0
}

func (p *Process) last() *run {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current
}
