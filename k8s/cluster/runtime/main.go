// Runtime is runc for hosts that lack the capability CAP_SYS_RESOURCE: there,
// a privileged container cannot be given it. Called like runc, it takes the
// capability out of what Docker asks for and hands over to runc.
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

// run does not return when it succeeds.
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
