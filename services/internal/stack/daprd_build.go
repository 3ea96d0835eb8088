package stack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"daca/services/local/gobuild"
)

// lockInterval is how often a process that waits tries again.
const lockInterval = 500 * time.Millisecond

// build compiles daprd to the path, unless another process has just done so. Builds
// of several processes take turns. A build that fails leaves no program at the path.
func (s DaprdSource) build(ctx context.Context, version, path string, progress func(string)) error {
	failed := func(err error) error { return fmt.Errorf("building daprd %s: %w", version, err) }
	goTool, err := exec.LookPath(s.Go)
	if err != nil {
		return failed(fmt.Errorf("no go command on PATH; install Go, or daprd %s itself: %w", version, err))
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return failed(err)
	}
	lock := flock.New(path + ".lock")
	locked, err := lock.TryLock()
	if err == nil && !locked {
		progress("waiting for another process that builds daprd " + version)
		_, err = lock.TryLockContext(ctx, lockInterval)
	}
	if err != nil {
		return failed(fmt.Errorf("locking %s: %w", lock.Path(), err))
	}
	defer func() { _ = lock.Unlock() }()
	if found, err := versionOf(ctx, path); err == nil && found == version {
		return nil
	}

	unfinished := path + ".unfinished"
	cmd := exec.CommandContext(ctx, goTool, "build", "-v", "-tags", "stablecomponents", "-trimpath",
		"-ldflags", "-s -w -X github.com/dapr/dapr/pkg/buildinfo.version="+version,
		"-o", unfinished, ".")
	cmd.Dir = s.Module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	what := "building daprd " + version + ", once, 3 to 10 minutes"
	if err := gobuild.Run(cmd, runLocked, what, progress); err != nil {
		if ctx.Err() != nil {
			return failed(context.Cause(ctx))
		}
		return failed(err)
	}
	if err := os.Rename(unfinished, path); err != nil {
		return failed(err)
	}
	return nil
}

// runLocked runs a command that has the attributes of ownGroup. Linux sends their
// death signal when the thread that forked ends, so that thread has to stay.
func runLocked(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return cmd.Run()
}
