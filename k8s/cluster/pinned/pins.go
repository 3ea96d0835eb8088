// Package pinned compiles programs at the versions that go.mod files of this
// repository pin: helm and kubectl for everybody, and whatever a cluster is made
// of for machines that no registry answers.
package pinned

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

// Pins are the versions that a cluster is made of.
type Pins struct {
	Root     string            // of the repository
	Versions map[string]string // by module path, such as v1.36.1
	Keys     map[string]string // by module path; a key changes with all that the module's programs depend on
	Key      string            // changes with any of the keys
}

// Read reads the pins of the repository at root.
func Read(root string) (Pins, error) {
	pins := Pins{Root: root, Versions: map[string]string{}, Keys: map[string]string{}}
	helm := tools()[0]
	if err := pins.read(helm); err != nil { // a tool, not part of the cluster: it has no key
		return Pins{}, err
	}
	all := sha256.New()
	for _, m := range Modules() {
		if err := pins.read(m); err != nil {
			return Pins{}, err
		}
		key, err := pins.keyOf(m)
		if err != nil {
			return Pins{}, err
		}
		pins.Keys[m.Path] = key
		_, _ = fmt.Fprintln(all, key)
	}
	pins.Key = short(all)
	return pins, nil
}

// read looks up the version of a module.
func (p Pins) read(m Module) error {
	name := filepath.Join(p.Root, m.dir, "go.mod")
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("reading the version of %s: %w", m.Path, err)
	}
	version, err := required(name, text, m.Path)
	if err != nil {
		return err
	}
	p.Versions[m.Path] = version
	return nil
}

// required returns the version of the module path that a go.mod file requires.
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

// keyOf returns the key of a module whose version is known.
func (p Pins) keyOf(m Module) (string, error) {
	version := p.Versions[m.Path]
	digest := sha256.New()
	_, _ = fmt.Fprintln(digest, runtime.GOARCH, m.Path, version, m.tags, m.variables(version), m.Programs)
	if m.dir == ownDir { // pause imports nothing of what this module requires
		sources, err := HashSources(p.Root, pauseDir)
		_, _ = fmt.Fprintln(digest, sources)
		return short(digest), err
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(p.Root, m.dir, name))
		if err != nil {
			return "", fmt.Errorf("reading what %s depends on: %w", m.Path, err)
		}
		_, _ = digest.Write(text)
	}
	return short(digest), nil
}

// HashSources hashes the files in folders of k8s/cluster. It leaves out tests
// and folders in them. A folder without files is an error.
func HashSources(root string, folders ...string) (string, error) {
	digest := sha256.New()
	for _, folder := range folders {
		names, err := filepath.Glob(filepath.Join(root, "k8s", "cluster", folder, "*.go"))
		if err != nil {
			return "", err
		}
		if len(names) == 0 {
			return "", fmt.Errorf("k8s/cluster/%s has no sources", folder)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				return "", fmt.Errorf("hashing the sources of k8s/cluster/%s: %w", folder, err)
			}
			_, _ = fmt.Fprintln(digest, filepath.Base(name), len(text))
			_, _ = digest.Write(text)
		}
	}
	return short(digest), nil
}

func short(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)[:5]) }

// DaprVersion returns the version of Dapr as image tags and charts write it,
// without a leading v.
func (p Pins) DaprVersion() string { return strings.TrimPrefix(p.Versions[Dapr], "v") }
