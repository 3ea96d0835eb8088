package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"daca/k8s/cluster/pinned"
)

const (
	runcwrapName = "runc-without-sys-resource"

	startTimeout = time.Minute
	stopTimeout  = time.Minute
	pollInterval = 200 * time.Millisecond
)

func (d Docker) pidFile() string { return filepath.Join(d.Dir, "dockerd.pid") }
func (d Docker) logFile() string { return filepath.Join(d.Dir, "dockerd.log") }

// start starts a daemon, which outlives this process until Stop stops it.
func (d Docker) start(ctx context.Context, progress func(string)) error {
	progress("starting dockerd")
	if err := os.MkdirAll(d.Dir, 0o755); err != nil {
		return err
	}
	args := []string{"--data-root", filepath.Join(d.Dir, "docker"), "--pidfile", d.pidFile()}
	if d.Facts.NoSysResource {
		wrapper := filepath.Join(d.Dir, runcwrapName)
		if err := pinned.CompileOwn(ctx, d.Root, "./cluster/host/runcwrap", wrapper); err != nil {
			return err
		}
		args = append(args, "--add-runtime", runcwrapName+"="+wrapper, "--default-runtime", runcwrapName)
	}
	log, err := os.Create(d.logFile())
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command("dockerd", args...) //nolint:noctx // it outlives ctx
	cmd.Stdout = log
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		if ping(ctx) == nil {
			return nil
		}
		select {
		case err := <-ended:
			return fmt.Errorf("it ended: %w; the end of its log:\n%s", err, d.lastLog())
		case <-ctx.Done():
			err := fmt.Errorf("it does not answer: %w; the end of its log:\n%s", context.Cause(ctx), d.lastLog())
			return errors.Join(err, cmd.Process.Signal(syscall.SIGTERM))
		case <-time.After(pollInterval):
		}
	}
}

func (d Docker) lastLog() string {
	text, err := os.ReadFile(d.logFile())
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-10):], []byte("\n")))
}

// Stop stops the daemon that Ensure started, with all its containers; stopped
// reports whether there was one. Stop never stops another daemon.
func (d Docker) Stop(ctx context.Context) (stopped bool, err error) {
	pid, err := d.running("/proc")
	if pid == 0 || err != nil {
		return false, err
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return false, fmt.Errorf("stopping dockerd: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	for {
		if pid, err := d.running("/proc"); pid == 0 {
			return err == nil, err
		}
		select {
		case <-ctx.Done():
			return false, fmt.Errorf("waiting for dockerd to stop: %w", context.Cause(ctx))
		case <-time.After(pollInterval):
		}
	}
}

// running returns the id of the process that start started, or 0 if it has ended.
// Systems use process ids again, so running compares the command line too.
func (d Docker) running(proc string) (int, error) {
	text, err := os.ReadFile(d.pidFile())
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("looking for dockerd: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("looking for dockerd in %s: %w", d.pidFile(), err)
	}
	command, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "cmdline"))
	if err != nil || !bytes.Contains(command, []byte(d.pidFile())) {
		return 0, nil //nolint:nilerr // the process has ended, so it has no command line
	}
	return pid, nil
}
