// Runcwrap is called by Docker instead of runc on hosts that lack the capability
// CAP_SYS_RESOURCE. No container can have it there, and runc fails when Docker asks
// for it, as it does for privileged containers. Runcwrap removes the capability
// from Docker's request and then becomes runc.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

const missing = "CAP_SYS_RESOURCE"

func main() {
	if err := run(os.Args[1:], os.Environ()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run replaces this process by runc, so that it returns only an error.
func run(args, environ []string) error {
	for _, file := range requests(args) {
		if err := withhold(file, missing); err != nil {
			return fmt.Errorf("taking %s out of %s: %w", missing, file, err)
		}
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		return fmt.Errorf("looking for runc: %w", err)
	}
	return fmt.Errorf("starting %s: %w", runc, syscall.Exec(runc, append([]string{"runc"}, args...), environ))
}
