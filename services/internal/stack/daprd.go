package stack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

const versionTimeout = 20 * time.Second

// DaprdSource says where a sidecar's program may come from.
type DaprdSource struct {
	Module   string // directory of the module that pins the version, and builds it
	Override string // a program to use, whatever its version is
	Path     string // directories of installed programs, as in the variable PATH
	Home     string // has .dapr/bin if the Dapr CLI installed one
	Cache    string // directory for the program that was built
	Go       string // the go command
}

// Daprd returns the path of the sidecar's program at the version that is pinned in
// services/internal/stack/daprd of the repository at root. It takes an installed
// one of that version, or one that it built before. If there is none, it builds
// one, which takes minutes and is reported to progress. The variable DAPRD_PATH
// names a program to use instead, whatever its version is.
func Daprd(ctx context.Context, root string, progress func(string)) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("looking for daprd: %w", err)
	}
	home, _ := os.UserHomeDir() // without a home there is nothing to look for in it
	return DaprdSource{
		Module:   filepath.Join(root, "services", "internal", "stack", "daprd"),
		Override: os.Getenv("DAPRD_PATH"),
		Path:     os.Getenv("PATH"),
		Home:     home,
		Cache:    filepath.Join(cache, "daca"),
		Go:       "go",
	}.Find(ctx, progress)
}

// Find is Daprd for this source.
func (s DaprdSource) Find(ctx context.Context, progress func(string)) (string, error) {
	if s.Override != "" {
		if _, err := versionOf(ctx, s.Override); err != nil {
			return "", fmt.Errorf("DAPRD_PATH: %w", err)
		}
		return s.Override, nil
	}
	version, key, err := s.pinned()
	if err != nil {
		return "", err
	}
	for _, path := range s.installed() {
		if found, err := versionOf(ctx, path); err == nil && found == version {
			return path, nil
		}
	}
	dir := filepath.Join(s.Cache, "daprd-"+version+"-"+key)
	built := filepath.Join(dir, "daprd")
	if found, err := versionOf(ctx, built); err == nil && found == version {
		return built, nil
	}
	if err := s.build(ctx, version, built, progress); err != nil {
		return "", err
	}
	return built, nil
}

// pinned returns the version in the module's go.mod, and a key that changes
// with anything that the build depends on.
func (s DaprdSource) pinned() (version, key string, err error) {
	hash := sha256.New()
	var mod []byte
	for _, name := range []string{"go.sum", "main.go", "go.mod"} { // mod is the last of them
		if mod, err = os.ReadFile(filepath.Join(s.Module, name)); err != nil {
			return "", "", fmt.Errorf("reading the pinned version of daprd: %w", err)
		}
		hash.Write(mod)
	}
	match := regexp.MustCompile(`(?m)^\s*(?:require\s+)?github\.com/dapr/dapr v(\S+)`).FindSubmatch(mod)
	if match == nil {
		return "", "", fmt.Errorf("%s/go.mod requires no github.com/dapr/dapr", s.Module)
	}
	return string(match[1]), hex.EncodeToString(hash.Sum(nil)[:5]), nil
}

// installed lists the programs that may be the right one.
func (s DaprdSource) installed() []string {
	var found []string
	dirs := filepath.SplitList(s.Path)
	if s.Home != "" {
		dirs = append(dirs, filepath.Join(s.Home, ".dapr", "bin"))
	}
	for _, dir := range dirs {
		if path, err := exec.LookPath(filepath.Join(dir, "daprd")); err == nil && filepath.IsAbs(path) {
			found = append(found, path)
		}
	}
	return found
}

func versionOf(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("asking %s for its version: %w", path, err)
	}
	version := strings.TrimSpace(string(out))
	if version == "" {
		return "", errors.New(path + " --version prints nothing")
	}
	return version, nil
}
