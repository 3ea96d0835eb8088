package build

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/mod/modfile"
)

// Pins are the versions that a cluster is built from.
type Pins struct {
	Versions map[string]string // by module path
	Key      string            // changes with anything that the programs depend on
	Recipe   string            // changes with the code that makes images of them
}

// ReadPins reads the versions from the modules of the repository at root.
func ReadPins(root string) (Pins, error) {
	pins := Pins{Versions: map[string]string{}}
	hash := sha256.New()
	_, _ = fmt.Fprintln(hash, runtime.GOARCH)
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
		if m.dir == ownModule { // nothing else of it is part of a cluster
			if m.path == Kind {
				_, _ = fmt.Fprintln(hash, Kind, version)
			}
			continue
		}
		_, _ = fmt.Fprintln(hash, m.dir, m.tags, m.variables(version), m.programs)
		sum, err := os.ReadFile(filepath.Join(root, m.dir, "go.sum"))
		if err != nil {
			return Pins{}, fmt.Errorf("reading the version of %s: %w", m.path, err)
		}
		_, _ = hash.Write(text)
		_, _ = hash.Write(sum)
	}
	pins.Key = hex.EncodeToString(hash.Sum(nil)[:5])
	recipe, err := hashSources(root, "build", "image", "pause")
	if err != nil {
		return Pins{}, err
	}
	pins.Recipe = recipe
	return pins, nil
}

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
	return hex.EncodeToString(hash.Sum(nil)[:5]), nil
}
