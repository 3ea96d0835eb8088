// Live is the first process of a service's container under Tilt. It runs the
// service, and starts the newer program when Tilt has copied one into the
// container. The images hold no tar, which Tilt needs to copy files, so live is
// that program too, under the name tar.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

const usage = `usage: live run PROGRAM NEWER   run NEWER if it exists, and otherwise PROGRAM
       live restart             have the live of this container start NEWER
       tar -C DIR -x -f -       unpack standard input`

func main() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM, os.Interrupt)
	err := run(os.Args, os.Stdin, signals)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.Exited():
		os.Exit(exit.ExitCode()) // the service's own
	case err != nil:
		fmt.Fprintln(os.Stderr, "live:", err)
		os.Exit(1)
	}
}

func run(args []string, stdin io.Reader, signals <-chan os.Signal) error {
	name := filepath.Base(args[0])
	args = args[1:]
	switch {
	case name == "tar" && len(args) == 5 && args[0] == "-C" && args[2] == "-x" && args[3] == "-f" && args[4] == "-":
		return unpack(stdin, args[1])
	case name != "tar" && len(args) == 3 && args[0] == "run":
		s := supervisor{program: args[1], newer: args[2], patience: 2 * time.Second}
		return s.run(context.Background(), signals)
	case name != "tar" && len(args) == 1 && args[0] == "restart":
		return restart(1)
	}
	return errors.New(usage)
}

// restart signals the supervisor, whose process id is 1 in a container.
func restart(pid int) error {
	process, err := os.FindProcess(pid)
	if err == nil {
		err = process.Signal(syscall.SIGHUP)
	}
	if err != nil {
		return fmt.Errorf("asking for a restart: %w", err)
	}
	return nil
}
