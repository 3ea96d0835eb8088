package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// drainTimeout is for output that is left when a process has ended.
const drainTimeout = time.Second

// run is the time from one start of a process to its end.
type run struct {
	pid   int
	asked atomic.Bool // somebody wanted it to end
	tail  tail
	done  chan struct{} // closed after err was set
	err   error
}

// supervise starts the command and sends the result on started. It stays until the
// process has ended, and kills what is left of its group.
func (r *run) supervise(ctx context.Context, command Command, files []*os.File, started chan<- error) {
	defer close(r.done)
	// Linux sends the death signal when the thread that forked ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	reader, writer, err := os.Pipe()
	if err != nil {
		started <- err
		return
	}
	defer func() { _ = reader.Close() }()
	cmd := exec.CommandContext(ctx, command.Path, command.Args...)
	cmd.Env = command.Env
	cmd.Dir = command.Dir
	cmd.Stdout = writer
	cmd.Stderr = writer
	cmd.ExtraFiles = files
	cmd.SysProcAttr = ownGroup()
	cmd.SysProcAttr.Credential = command.Credential
	err = cmd.Start()
	_ = writer.Close()
	if err != nil {
		started <- err
		return
	}
	r.pid = cmd.Process.Pid

	var copying sync.WaitGroup
	copying.Go(func() {
		out := command.Output.lines(command.Name, &r.tail)
		_, _ = io.Copy(out, reader)
		out.flush()
	})
	started <- nil
	waitErr := cmd.Wait()
	_ = syscall.Kill(-r.pid, syscall.SIGKILL)
	_ = reader.SetReadDeadline(time.Now().Add(drainTimeout))
	copying.Wait()
	if !r.asked.Load() {
		r.err = unexpectedEnd(command.Name, waitErr, r.tail.lines())
	}
}

func unexpectedEnd(name string, err error, last []string) error {
	how := "exited with status 0, though nobody stopped it"
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.Exited():
		how = fmt.Sprintf("exited with status %d", exit.ExitCode())
	case err != nil:
		how = "was ended by " + strings.TrimPrefix(err.Error(), "signal: ")
	}
	if len(last) == 0 {
		return fmt.Errorf("%s %s and had printed nothing", name, how)
	}
	return fmt.Errorf("%s %s; its last lines:\n    %s", name, how, strings.Join(last, "\n    "))
}

func (r *run) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}
