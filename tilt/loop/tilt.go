package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// namespace is what the Tiltfile installs into.
const namespace = "daca-tilt"

const (
	upTimeout     = 5 * time.Minute
	settleTimeout = 2 * time.Minute
	downTimeout   = 3 * time.Minute
	stopTimeout   = 20 * time.Second
	logShown      = 8000 // bytes of what tilt up printed, when it failed
)

// up starts tilt up, and returns when the suite answers.
func (o options) up(ctx context.Context, tree, log string) (stop func(), err error) {
	file, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	begin := o.begin("tilt up")
	up := o.command(ctx, tree, "up", "--stream")
	up.Stdout, up.Stderr = file, file
	if err := up.Start(); err != nil {
		return nil, fmt.Errorf("tilt up: %w", err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = up.Wait() }()
	stop = func() {
		_ = up.Process.Signal(syscall.SIGINT)
		select {
		case <-ended:
		case <-time.After(stopTimeout):
			_ = up.Process.Kill()
			<-ended
		}
	}
	starting, cancel := context.WithTimeout(ctx, upTimeout)
	defer cancel()
	err = poll(starting, func() error {
		select {
		case <-ended:
			cancel()
			return errors.New("it ended")
		default:
		}
		_, err := fetch(starting, "GET", o.at.chat+"/readyz", "", "")
		return err
	})
	if err == nil {
		err = answer(starting, o.at, io.Discard)
	}
	if err != nil {
		stop()
		o.show(log)
		return nil, fmt.Errorf("tilt up: %w", err)
	}
	o.done("tilt up, until the suite answers", time.Since(begin))
	return stop, nil
}

// show prints the last of what tilt up has written.
func (o options) show(log string) {
	text, _ := os.ReadFile(log)
	_, _ = fmt.Fprintf(o.stdout, "The last of what tilt up printed:\n%s\n", text[max(0, len(text)-logShown):])
}

// settled waits until Tilt has nothing to do.
func (o options) settled(ctx context.Context, tree string) error {
	wait := o.client(ctx, tree, "wait", "--for=condition=UpToDate", "--timeout", settleTimeout.String(),
		"uiresource/chat-service", "uiresource/analytics-service", "uiresource/model")
	if out, err := wait.CombinedOutput(); err != nil {
		return fmt.Errorf("waiting for Tilt: %w: %s", err, out)
	}
	return nil
}

// down removes all that Tilt has installed, and waits until it is gone.
func (o options) down(ctx context.Context, tree string) error {
	ctx, cancel := context.WithTimeout(ctx, downTimeout)
	defer cancel()
	if out, err := o.command(ctx, tree, "down", "--delete-namespaces").CombinedOutput(); err != nil {
		return fmt.Errorf("tilt down: %w: %s", err, out)
	}
	gone := exec.CommandContext(ctx, o.kubectl, "--context", o.context,
		"wait", "--for=delete", "namespace/"+namespace, "--timeout", downTimeout.String())
	if out, err := gone.CombinedOutput(); err != nil {
		return fmt.Errorf("waiting for the end of namespace %s: %w: %s", namespace, err, out)
	}
	return nil
}

// command returns a command of Tilt's that stops as at a Ctrl-C.
func (o options) command(ctx context.Context, tree, name string, args ...string) *exec.Cmd {
	return o.client(ctx, tree, name, append([]string{"--context", o.context}, args...)...)
}

func (o options) client(ctx context.Context, tree, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, o.tilt, append([]string{name}, args...)...)
	cmd.Dir = tree
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = stopTimeout
	return cmd
}
