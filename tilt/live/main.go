// Live is what a container of a service runs under Tilt in place of the
// service: it runs the service, and runs it anew when Tilt has brought a newer
// program. Images of the services hold nothing but one program, so live is also
// the tar by which Tilt brings it.
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

const usage = `usage: live run PROGRAM NEWER   run PROGRAM or, once there is one, NEWER
       live restart             in the same container: run NEWER now
       tar -C DIR -x -f -       unpack standard input`

func main() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM, os.Interrupt)
	err := run(os.Args, os.Stdin, signals)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.Exited():
		os.Exit(exit.ExitCode()) // what the service said of itself
	case err != nil:
		fmt.Fprintln(os.Stderr, "live:", err)
		os.Exit(1)
	}
}

func run(args []string, stdin io.Reader, signals <-chan os.Signal) error {
	name, args := filepath.Base(args[0]), args[1:]
	switch {
	case name == "tar" && len(args) == 5 && args[0] == "-C" && args[2] == "-x" && args[3] == "-f" && args[4] == "-":
		return unpack(stdin, args[1])
	case name != "tar" && len(args) == 3 && args[0] == "run":
		s := supervisor{program: args[1], newer: args[2], patience: 10 * time.Second}
		return s.run(context.Background(), signals)
	case name != "tar" && len(args) == 1 && args[0] == "restart":
		return restart(1)
	}
	return errors.New(usage)
}

// restart tells the supervisor, which is the first process of a container.
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
