package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// copyTree copies what git would commit of the working tree at root, and links
// to the programs in bin.
func copyTree(ctx context.Context, root, to string) error {
	list := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		return fmt.Errorf("copying the working tree: listing its files: %w", err)
	}
	for name := range strings.SplitSeq(string(out), "\x00") {
		if err := copyFile(filepath.Join(root, name), filepath.Join(to, name)); err != nil {
			return fmt.Errorf("copying the working tree: %w", err)
		}
	}
	bin, err := filepath.Abs(filepath.Join(root, "bin"))
	if err == nil {
		err = os.Symlink(bin, filepath.Join(to, "bin"))
	}
	if err != nil {
		return fmt.Errorf("copying the working tree: %w", err)
	}
	return nil
}

func copyFile(from, to string) error {
	info, err := os.Lstat(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted, and git does not know yet
	}
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, content, info.Mode().Perm())
}
