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
	program  string        // what the image holds
	newer    string        // what runs instead, once it is there
	patience time.Duration // for a stop at a restart, before the program is killed
}

// run runs the program until it ends, and returns how it ended. SIGHUP starts
// it again; other signals are passed on.
func (s supervisor) run(ctx context.Context, signals <-chan os.Signal) error {
	for {
		again, err := s.once(ctx, signals)
		if !again {
			return err
		}
	}
}

// once returns again = true if the program was ended in order to start anew.
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
				return true, nil // however it took the stop
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
