package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// supervisor runs one program at a time.
type supervisor struct {
	program  string        // the path of the program in the image
	newer    string        // the path of the program that runs instead once it exists
	patience time.Duration // how long a program may take to stop before it is killed
}

// run runs the program until it ends by itself or by a signal, and returns how it
// ended. On SIGHUP it stops the program and starts the newer one; it passes other
// signals on.
func (s supervisor) run(ctx context.Context, signals <-chan os.Signal) error {
	for {
		again, err := s.once(ctx, signals)
		if !again {
			return err
		}
	}
}

// once runs the program one time. It returns again = true if SIGHUP ended it.
func (s supervisor) once(ctx context.Context, signals <-chan os.Signal) (again bool, err error) {
	ctx, kill := context.WithCancel(ctx)
	defer kill()
	program, err := s.choose()
	if err != nil {
		return false, err
	}
	cmd := exec.CommandContext(ctx, program)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return false, fmt.Errorf("starting %s: %w", program, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for stopping := false; ; {
		select {
		case err := <-ended:
			if again && !stopping {
				return true, nil // its exit code does not matter
			}
			return false, err
		case sig := <-signals:
			if sig == syscall.SIGHUP {
				again, sig = true, syscall.SIGTERM
				time.AfterFunc(s.patience, kill)
			} else {
				stopping = true
			}
			_ = cmd.Process.Signal(sig) // fails if it has just ended
		}
	}
}

func (s supervisor) choose() (string, error) {
	_, err := os.Stat(s.newer)
	switch {
	case err == nil:
		return s.newer, nil
	case errors.Is(err, fs.ErrNotExist):
		return s.program, nil
	}
	return "", fmt.Errorf("looking for a newer program: %w", err)
}
