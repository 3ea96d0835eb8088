package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
)

// Root finds the repository: the closest directory, from dir upwards, whose
// go.mod is that of the module daca.
func Root(dir string) (string, error) {
	for at := dir; ; at = filepath.Dir(at) {
		mod, err := os.ReadFile(filepath.Join(at, "go.mod"))
		if err == nil && regexp.MustCompile(`(?m)^module daca$`).Match(mod) {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is not in the repository of the suite (no go.mod of module daca above it)", dir)
		}
	}
}

// Build compiles the services of the repository at root into the directory bin,
// as bin/chat, bin/analytics and bin/model, with more flags for go build such as
// -race. The error holds the compiler's output.
func Build(ctx context.Context, root, bin string, flags ...string) error {
	goTool, err := exec.LookPath("go")
	if err != nil {
		return errors.New("building the services: no go command on PATH; install Go, see go.dev/doc/install")
	}
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return fmt.Errorf("building the services: %w", err)
	}
	args := append([]string{"build", "-o", bin + string(filepath.Separator)}, flags...)
	cmd := exec.CommandContext(ctx, goTool, append(args, "./services/chat", "./services/analytics", "./services/model")...)
	cmd.Dir = root
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := runLocked(cmd); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("building the services: %w", context.Cause(ctx))
		}
		return fmt.Errorf("building the services: %w\n%s", err, strings.TrimSpace(out.String()))
	}
	return nil
}

// runLocked runs a command that has ownGroup. Linux ties the death signal to
// the thread that forks, so that thread has to stay.
func runLocked(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return cmd.Run()
}
