// Package repository finds this repository on the machine and compiles the services
// in it.
package repository

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Root returns the absolute path of the repository that dir is in: the closest
// directory, from dir upwards, whose go.mod is that of the module daca.
func Root(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("looking for the repository: %w", err)
	}
	isModule := regexp.MustCompile(`(?m)^module daca$`)
	for at := dir; ; at = filepath.Dir(at) {
		mod, err := os.ReadFile(filepath.Join(at, "go.mod"))
		if err == nil && isModule.Match(mod) {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is not in the repository: no go.mod of module daca is above it", dir)
		}
	}
}

// killDelay is how long a cancelled build gets to end before its output is
// given up.
const killDelay = 2 * time.Second

// BuildServices compiles the services of the repository at root into the
// directory out, as out/chat, out/analytics and out/model, by `make build`.
// Each variable is NAME=value: VERSION to stamp into the programs, GOOS and
// GOARCH of another system, BUILDFLAGS for go build. The error holds the output
// of the compiler.
func BuildServices(ctx context.Context, root, out string, variables ...string) error {
	makeTool, err := exec.LookPath("make")
	if err != nil {
		return errors.New("compiling the services: there is no make on PATH; install it")
	}
	if _, err := exec.LookPath("go"); err != nil {
		return errors.New("compiling the services: there is no go on PATH; install Go, see go.dev/doc/install")
	}
	args := []string{"--silent", "--no-print-directory", "-C", root, "build", "OUT=" + out}
	cmd := exec.CommandContext(ctx, makeTool, append(args, variables...)...)
	cmd.WaitDelay = killDelay
	output, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return fmt.Errorf("compiling the services: %w", context.Cause(ctx))
	}
	if err != nil {
		return fmt.Errorf("compiling the services: %w\n%s", err, strings.TrimSpace(string(output)))
	}
	return nil
}
