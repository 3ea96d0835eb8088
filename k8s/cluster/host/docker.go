package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Docker is the container engine of the host.
type Docker struct {
	Dir   string // for the state of a daemon that is started here
	Root  string // of the repository
	Facts Facts
	CI    bool // install what is missing, as root on Debian
}

const runtimeName = "runc-without-sys-resource"

// Ensure returns when Docker answers, and tells whether it was started now.
// Where it does not run it is started, if that is for root to do; where it is
// not installed, the error says how to get it, or CI installs it. The other
// tools named are looked for too.
func (d Docker) Ensure(ctx context.Context, progress func(string), tools ...string) (started bool, err error) {
	for _, tool := range append([]string{"docker"}, tools...) {
		if err := d.have(ctx, tool, progress); err != nil {
			return false, err
		}
	}
	err = answers(ctx)
	if err == nil { // it may run elsewhere, so that nothing follows from this host's facts
		return false, nil
	}
	if d.CI { // there may be no more than a client
		if err := d.have(ctx, "dockerd", progress); err != nil {
			return false, err
		}
	}
	if err := d.mayStart(err); err != nil {
		return false, err
	}
	if err := d.start(ctx, progress); err != nil {
		return false, fmt.Errorf("starting dockerd: %w", err)
	}
	return true, nil
}

func (d Docker) mayStart(noAnswer error) error {
	if _, err := exec.LookPath("dockerd"); err != nil {
		return fmt.Errorf("Docker does not answer, and no dockerd is installed: start Docker Desktop, "+
			"or `apt-get install docker.io`, or see https://docs.docker.com/engine/install/: %w", noAnswer)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("Docker does not answer; `sudo systemctl start docker` starts it, "+
			"`sudo usermod -aG docker $USER` and a new login allow its use: %w", noAnswer)
	}
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		return fmt.Errorf("Docker does not answer; `systemctl start docker` starts it: %w", noAnswer)
	}
	return nil
}

// answers returns why Docker does not.
func answers(ctx context.Context) error {
	return run(ctx, "docker", "version", "--format", "{{.Server.Version}}")
}

// have gets a tool where it is missing, or says how to.
func (d Docker) have(ctx context.Context, tool string, progress func(string)) error {
	if _, err := exec.LookPath(tool); err == nil {
		return nil
	}
	pkg := tool
	if tool == "docker" || tool == "dockerd" {
		pkg = "docker.io"
	}
	_, noApt := exec.LookPath("apt-get")
	if !d.CI || os.Geteuid() != 0 || noApt != nil {
		return fmt.Errorf("%s is not installed; on Debian, `apt-get install %s` gets it", tool, pkg)
	}
	progress("installing " + pkg)
	allow, err := forbidServices()
	if err != nil {
		return err
	}
	defer allow()
	for _, args := range [][]string{
		{"apt-get", "update", "-qq"},
		{"env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq", "--no-install-recommends", pkg},
	} {
		if err := run(ctx, args[0], args[1:]...); err != nil {
			return fmt.Errorf("installing %s: %w", pkg, err)
		}
	}
	return nil
}

// forbidServices keeps Debian from starting a Docker that knows nothing of this
// host, until allow is called.
func forbidServices() (allow func(), err error) {
	const policy = "/usr/sbin/policy-rc.d"
	file, err := os.OpenFile(policy, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, os.ErrExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("keeping services from starting: %w", err)
	}
	_, err = file.WriteString("#!/bin/sh\nexit 101\n")
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("keeping services from starting: %w", err)
	}
	return func() { _ = os.Remove(policy) }, nil
}

// run runs a command; its error has what it printed to standard error.
func run(ctx context.Context, command string, args ...string) error {
	var stderr strings.Builder
	cmd := exec.CommandContext(ctx, command, args...)
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(command), err, strings.TrimSpace(stderr.String()))
	}
	return nil
}
