package host

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Docker is the container engine of this machine.
type Docker struct {
	Dir   string // for the state of a daemon that is started here
	Root  string // of the repository
	Facts Facts
}

// Ensure returns when Docker answers. It starts dockerd if nothing answers and
// this process may start it; started reports whether it did. If Docker or one of
// the tools is not installed, the error says how to install it.
func (d Docker) Ensure(ctx context.Context, progress func(string), tools ...string) (started bool, err error) {
	if err := installed(append([]string{"docker"}, tools...)...); err != nil {
		return false, err
	}
	err = ping(ctx)
	if err == nil {
		return false, nil
	}
	if err := mayStart(err); err != nil {
		return false, err
	}
	if err := d.start(ctx, progress); err != nil {
		return false, fmt.Errorf("starting dockerd: %w", err)
	}
	return true, nil
}

// installed returns an error that names the tools that are not installed, and the
// Debian packages that have them.
func installed(tools ...string) error {
	var missing, packages []string
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err == nil {
			continue
		}
		missing = append(missing, tool)
		if tool == "docker" {
			tool = "docker.io"
		}
		packages = append(packages, tool)
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("not installed: %s; on Debian, `apt-get install %s` installs what is missing",
		strings.Join(missing, ", "), strings.Join(packages, " "))
}

// ping asks Docker, which may run on another machine, for its version.
func ping(ctx context.Context) error {
	var stderr strings.Builder
	cmd := exec.CommandContext(ctx, "docker", "version", "--format", "{{.Server.Version}}")
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, strings.TrimSpace(stderr.String()))
	}
	return nil
}

// mayStart returns nil if this process may start dockerd. Otherwise the error
// says who can start it, and how.
func mayStart(noAnswer error) error {
	if _, err := exec.LookPath("dockerd"); err != nil {
		return fmt.Errorf("Docker does not answer, and dockerd is not installed: start Docker Desktop, or install "+
			"Docker (on Debian, `apt-get install docker.io`; else see https://docs.docker.com/engine/install/): %w",
			noAnswer)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("Docker does not answer: `sudo systemctl start docker` starts it; "+
			"`sudo usermod -aG docker $USER` and a new login give you access to it: %w", noAnswer)
	}
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		return fmt.Errorf("Docker does not answer: `systemctl start docker` starts it: %w", noAnswer)
	}
	return nil
}
