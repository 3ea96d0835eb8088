// Package build makes, from Go modules and Debian packages, what a kind cluster
// with Dapr otherwise pulls from registries.
package build

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Builder builds into a directory that keeps everything for the next time. What
// depends on the same pins is kept in the same place, whatever else changes.
type Builder struct {
	Root  string // of the repository
	Cache string
	Dir   string // in Cache, of the images
	Pins  Pins
}

// New returns a builder whose directory is below cache.
func New(root, cache string) (*Builder, error) {
	pins, err := ReadPins(root)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, pins.Key)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the cache of the cluster: %w", err)
	}
	return &Builder{Root: root, Cache: cache, Dir: dir, Pins: pins}, nil
}

// Program returns where the program of that name is built.
func (b *Builder) Program(name string) string {
	for _, m := range modules() {
		if slices.ContainsFunc(m.programs, func(p program) bool { return p.name == name }) {
			return filepath.Join(b.programDir(m), name)
		}
	}
	return filepath.Join(b.Cache, "programs", "none", name)
}

func (b *Builder) programDir(m module) string {
	return filepath.Join(b.Cache, "programs", filepath.Base(m.dir)+"-"+b.Pins.Keys[m.path])
}

// alone runs work while no other process builds in the cache.
func (b *Builder) alone(ctx context.Context, progress func(string), work func() error) error {
	unlock, err := lock(ctx, filepath.Join(b.Cache, "lock"), func() {
		progress("waiting for another process that builds")
	})
	if err != nil {
		return err
	}
	defer unlock()
	return work()
}

// once makes the file at path, unless it is there, while no other process builds.
func (b *Builder) once(ctx context.Context, path string, progress func(string), work func() error) (string, error) {
	if exists(path) {
		return path, nil
	}
	err := b.alone(ctx, progress, func() error {
		if exists(path) { // another process made it while this one waited
			return nil
		}
		return work()
	})
	return path, err
}

// ModuleDir returns the directory of the source of a pinned module.
func (b *Builder) ModuleDir(ctx context.Context, path string) (string, error) {
	for _, m := range modules() {
		if m.path != path {
			continue
		}
		cmd := exec.CommandContext(ctx, "go", "mod", "download", "-x", path)
		cmd.Dir = filepath.Join(b.Root, m.dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("fetching the source of %s: %w: %s", path, err, out)
		}
		dir, err := output(ctx, cmd.Dir, "go", "list", "-m", "-f", "{{.Dir}}", path)
		if err != nil {
			return "", fmt.Errorf("looking for the source of %s: %w", path, err)
		}
		return dir, nil
	}
	return "", fmt.Errorf("no module pins %s", path)
}

// output returns what a command prints; if it fails, the error has what it
// printed to standard error.
func output(ctx context.Context, dir, command string, args ...string) (string, error) {
	var stderr strings.Builder
	cmd := exec.CommandContext(ctx, command, args...)
	cmd.Dir, cmd.Stderr = dir, &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", command, strings.Join(args, " "), err, lastLines(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-8):], "\n    ")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
