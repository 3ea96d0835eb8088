package pinned

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// CompileOwn compiles a program of the module k8s for Linux into a static
// program at path. The package is relative to the module, such as ./e2e/load.
func CompileOwn(ctx context.Context, root, pkg, path string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, pkg)
	cmd.Dir = filepath.Join(root, ownDir)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("compiling %s: %w\n%s", pkg, err, strings.TrimSpace(string(out)))
	}
	return nil
}
