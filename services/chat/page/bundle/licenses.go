package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// licenses returns the licenses of all packages in one text: they ask to be passed on with
// what is made of them.
func licenses(packages []npmPackage, modules string) ([]byte, error) {
	var text bytes.Buffer
	text.WriteString("The page of the DACA chat service contains these packages.\n")
	for _, p := range packages {
		dir := filepath.Join(filepath.Dir(modules), p.Path)
		files, err := os.ReadDir(dir)
		if err != nil {
			return nil, fmt.Errorf("looking for the license of %s: %w", p.name(), err)
		}
		fmt.Fprintf(&text, "\n==== %s %s\n", p.name(), p.Version)
		found := false
		for _, file := range files {
			if !strings.HasPrefix(strings.ToUpper(file.Name()), "LICENSE") || file.IsDir() {
				continue
			}
			license, err := os.ReadFile(filepath.Join(dir, file.Name()))
			if err != nil {
				return nil, fmt.Errorf("reading the license of %s: %w", p.name(), err)
			}
			found = true
			fmt.Fprintf(&text, "\n%s\n", bytes.TrimSpace(license))
		}
		if !found {
			return nil, fmt.Errorf("%s has no license", p.name())
		}
	}
	return text.Bytes(), nil
}
