package build

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/mod/modfile"
)

// Pins are the versions that a cluster is built from.
type Pins struct {
	Versions map[string]string // by module path
	Keys     map[string]string // by module path; each changes with anything that its programs depend on
	Key      string            // of all of them together
	Recipe   string            // changes with the code that makes images of them
}

// ReadPins reads the versions from the modules of the repository at root.
func ReadPins(root string) (Pins, error) {
	pins := Pins{Versions: map[string]string{}, Keys: map[string]string{}}
	all := sha256.New()
	for _, m := range append(modules(), tools()[0]) {
		name := filepath.Join(root, m.dir, "go.mod")
		text, err := os.ReadFile(name)
		if err != nil {
			return Pins{}, fmt.Errorf("reading the version of %s: %w", m.path, err)
		}
		version, err := required(name, text, m.path)
		if err != nil {
			return Pins{}, err
		}
		pins.Versions[m.path] = version
		if m.path == Helm { // is no part of a cluster
			continue
		}
		key, err := keyOf(root, m, version, text)
		if err != nil {
			return Pins{}, err
		}
		pins.Keys[m.path] = key
		_, _ = fmt.Fprintln(all, key)
	}
	pins.Key = short(all)
	recipe, err := hashSources(root, "build", "image", "pause")
	if err != nil {
		return Pins{}, err
	}
	pins.Recipe = recipe
	return pins, nil
}

// keyOf returns what names the programs of a module with this go.mod.
func keyOf(root string, m module, version string, mod []byte) (string, error) {
	digest := sha256.New()
	_, _ = fmt.Fprintln(digest, runtime.GOARCH, m.dir, version, m.tags, m.variables(version), m.programs)
	if m.dir == ownModule { // of this module they depend on no more than their sources
		sources, err := hashSources(root, "pause")
		_, _ = fmt.Fprintln(digest, sources)
		return short(digest), err
	}
	sum, err := os.ReadFile(filepath.Join(root, m.dir, "go.sum"))
	if err != nil {
		return "", fmt.Errorf("reading the version of %s: %w", m.path, err)
	}
	_, _ = digest.Write(mod)
	_, _ = digest.Write(sum)
	return short(digest), nil
}

func short(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)[:5]) }

func required(name string, text []byte, path string) (string, error) {
	file, err := modfile.ParseLax(name, text, nil)
	if err != nil {
		return "", fmt.Errorf("reading the version of %s: %w", path, err)
	}
	for _, require := range file.Require {
		if require.Mod.Path == path {
			return require.Mod.Version, nil
		}
	}
	return "", fmt.Errorf("%s requires no %s", name, path)
}

// hashSources hashes what is in the packages of this module, but the tests.
func hashSources(root string, packages ...string) (string, error) {
	hash := sha256.New()
	for _, pkg := range packages {
		names, err := filepath.Glob(filepath.Join(root, "k8s/cluster", pkg, "*"))
		if err != nil {
			return "", err
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				return "", fmt.Errorf("reading how images are made: %w", err)
			}
			_, _ = fmt.Fprintln(hash, filepath.Base(name), len(text))
			_, _ = hash.Write(text)
		}
	}
	return short(hash), nil
}
