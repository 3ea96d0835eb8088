package pinned

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
)

// SourceDir returns the directory with the source of a pinned module. It fetches
// the source if need be.
func (p Pins) SourceDir(ctx context.Context, path string) (string, error) {
	for _, m := range Modules() {
		if m.Path != path {
			continue
		}
		cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", path)
		cmd.Dir = filepath.Join(p.Root, m.dir)
		out, err := cmd.Output()
		if err != nil {
			return "", fmt.Errorf("fetching the source of %s: %w: %s", path, err, out)
		}
		var downloaded struct{ Dir string }
		if err := json.Unmarshal(out, &downloaded); err != nil {
			return "", fmt.Errorf("fetching the source of %s: %w", path, err)
		}
		return downloaded.Dir, nil
	}
	return "", fmt.Errorf("no module pins %s", path)
}
