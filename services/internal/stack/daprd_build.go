package stack

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
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
		"-o", unfinished, "github.com/dapr/dapr/cmd/daprd")
	cmd.Dir = s.Module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	last, err := buildOutput(cmd, version, progress)
	if err != nil {
		if ctx.Err() != nil {
			return failed(context.Cause(ctx))
		}
		return failed(fmt.Errorf("%w; the last lines of the build:\n    %s", err, strings.Join(last, "\n    ")))
	}
	if err := os.Rename(unfinished, path); err != nil {
		return failed(err)
	}
	return nil
}

// buildOutput runs a `go build -v`, reports how far it is, and returns the last
// lines that are not about progress.
func buildOutput(cmd *exec.Cmd, version string, progress func(string)) ([]string, error) {
	reader, writer := io.Pipe()
	cmd.Stdout = writer
	cmd.Stderr = writer
	what := "building daprd " + version + ", once, 3 to 7 minutes"
	progress(what)
	var last tail
	read := make(chan struct{})
	go func() {
		defer close(read)
		modules := 0
		packages := 0
		lines := bufio.NewScanner(reader)
		for lines.Scan() {
			line := lines.Text()
			switch {
			case strings.HasPrefix(line, "go: downloading "):
				modules++
			case !strings.ContainsAny(line, " :"):
				packages++
			default:
				last.add(line)
			}
			if packages > 0 {
				progress(fmt.Sprintf("%s: %d packages compiled", what, packages))
			} else {
				progress(fmt.Sprintf("%s: %d modules fetched", what, modules))
			}
		}
		_, _ = io.Copy(io.Discard, reader) // after a line that is too long
	}()
	err := runLocked(cmd)
	_ = writer.Close()
	<-read
	return last.lines(), err
}

// runLocked runs a command that has the attributes of ownGroup. Linux sends their
// death signal when the thread that forked ends, so that thread has to stay.
func runLocked(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return cmd.Run()
}
