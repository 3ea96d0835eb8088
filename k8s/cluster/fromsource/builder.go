// Package fromsource makes what a kind cluster with Dapr otherwise pulls from
// registries: the image of a node and Dapr's images from Go modules, that of
// Redis from Debian packages. Only a machine that no registry answers needs it.
package fromsource

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"daca/k8s/cluster/pinned"
)

const (
	lockInterval = 500 * time.Millisecond
	lastLines    = 8 // of what a failed command prints, its error quotes
)

// Builder builds into a cache, which keeps everything for the next time. The
// names in the cache contain hashes of what a file was made of, so that a file
// that exists is up to date.
type Builder struct {
	pins   pinned.Pins
	cache  string
	dir    string // in the cache: images made of the programs with these pins
	recipe string // changes with the code that makes images of the programs
}

// New returns a builder with the pins whose cache is a directory that may exist.
func New(pins pinned.Pins, cache string) (*Builder, error) {
	recipe, err := pinned.HashSources(pins.Root, "fromsource", "fromsource/pause", "images")
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, pins.Key)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the cache of the cluster: %w", err)
	}
	return &Builder{pins: pins, cache: cache, dir: dir, recipe: recipe}, nil
}

// once does work unless done reports that nothing is left to do. No other
// process builds in the cache meanwhile.
func (b *Builder) once(ctx context.Context, progress func(string), done func() bool, work func() error) error {
	if done() {
		return nil
	}
	lock := flock.New(filepath.Join(b.cache, "lock"))
	locked, err := lock.TryLock()
	if err == nil && !locked {
		progress("waiting for another process that builds")
		_, err = lock.TryLockContext(ctx, lockInterval)
	}
	if err != nil {
		return fmt.Errorf("locking %s: %w", lock.Path(), err)
	}
	defer func() { _ = lock.Close() }()
	if done() { // another process did it while this one waited
		return nil
	}
	return work()
}

// there returns a function for once that reports whether all the files exist.
func there(paths ...string) func() bool {
	return func() bool {
		for _, path := range paths {
			if !exists(path) {
				return false
			}
		}
		return true
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// output runs a command and returns what it prints to standard output. The error
// quotes the end of what it prints to standard error.
func output(ctx context.Context, command string, args ...string) (string, error) {
	var stderr strings.Builder
	cmd := exec.CommandContext(ctx, command, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		quoted := strings.Join(lines[max(0, len(lines)-lastLines):], "\n    ")
		return "", fmt.Errorf("%s %s: %w: %s", command, strings.Join(args, " "), err, quoted)
	}
	return strings.TrimSpace(string(out)), nil
}

func docker(ctx context.Context, args ...string) (string, error) {
	return output(ctx, "docker", args...)
}
