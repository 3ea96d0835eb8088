package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

const (
	stopTimeout = 20 * time.Second // from SIGINT until a command is killed
	outputShown = 8000             // bytes of the output of a command that failed
)

// program is Tilt, run with the Tiltfile of a tree, in a Kubernetes context.
type program struct {
	path    string
	context string
	tree    string
}

// whileUp runs work beside tilt up. The context of work ends if tilt up does.
func (p program) whileUp(ctx context.Context, work func(context.Context) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	ended := make(chan error, 1)
	go func() {
		err := p.load(ctx, "up", "--stream")
		stop(errors.New("tilt up ended"))
		ended <- err
	}()
	err := work(ctx)
	stop(nil)
	if upErr := <-ended; err != nil {
		return errors.Join(err, upErr) // upErr holds what tilt up printed
	}
	return nil
}

// load runs a command that loads the Tiltfile.
func (p program) load(ctx context.Context, args ...string) error {
	_, err := p.run(ctx, append(args, "--context", p.context, "--", "--offline")...)
	return err
}

// pods returns the names of the pods that Tilt watches, separated by spaces.
func (p program) pods(ctx context.Context) (string, error) {
	return p.run(ctx, "get", "kubernetesdiscovery", "-o", "jsonpath={.items[*].status.pods[*].name}")
}

// run runs a command and returns its output. If the command fails, the error has
// the end of the output. When the context ends, the command gets SIGINT, as it
// would by Ctrl-C.
func (p program) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, p.path, args...)
	cmd.Dir = p.tree
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = stopTimeout
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("tilt %s: %w; the end of its output:\n%s", args[0], err, out[max(0, len(out)-outputShown):])
	}
	return string(out), nil
}
