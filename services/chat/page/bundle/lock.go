package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// npmPackage is a package that the page needs, as package-lock.json pins it.
type npmPackage struct {
	Path      string // where npm puts it, e.g. node_modules/@preact/signals
	Version   string
	Integrity string // e.g. sha512-…, the digest of its archive in base64
}

// name returns the name of the package in the registry.
func (p npmPackage) name() string {
	const modules = "node_modules/"
	return p.Path[strings.LastIndex(p.Path, modules)+len(modules):]
}

// readLock returns the packages of a package-lock.json, apart from those that only
// developers need. Its error says what is missing: nothing is fetched that has no digest.
func readLock(path string) ([]npmPackage, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading which packages are pinned: %w", err)
	}
	var lock struct {
		Version  int `json:"lockfileVersion"`
		Packages map[string]struct {
			Version, Integrity  string
			Dev, Optional, Link bool
		}
	}
	if err := json.Unmarshal(text, &lock); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if lock.Version != 3 {
		return nil, fmt.Errorf("%s has version %d; npm 7 and later write version 3", path, lock.Version)
	}
	var packages []npmPackage
	for _, at := range slices.Sorted(maps.Keys(lock.Packages)) {
		p := lock.Packages[at]
		if at == "" || p.Dev || p.Optional {
			continue
		}
		if !strings.HasPrefix(at, "node_modules/") || strings.Contains(at, "..") || p.Link {
			return nil, fmt.Errorf("%s: %s is not a package of a registry", path, at)
		}
		if p.Version == "" || p.Integrity == "" {
			return nil, fmt.Errorf("%s does not pin %s with version and integrity", path, at)
		}
		packages = append(packages, npmPackage{Path: at, Version: p.Version, Integrity: p.Integrity})
	}
	return packages, nil
}
