package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/andybalholm/brotli"
)

// write replaces the files in dist by these, each also compressed by gzip and brotli. It
// returns how large they are together. The directory's .gitignore stays.
func write(dist string, files map[string][]byte) (sum string, err error) {
	old, err := os.ReadDir(dist)
	if err != nil {
		return "", fmt.Errorf("writing the page: %w", err)
	}
	for _, file := range old {
		if strings.HasPrefix(file.Name(), ".") {
			continue
		}
		if err := os.Remove(filepath.Join(dist, file.Name())); err != nil {
			return "", fmt.Errorf("writing the page: %w", err)
		}
	}
	sizes := [3]int{}
	// index.html comes last: make takes it for a sign that all is there.
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(files)), func(name string) bool { return name == "index.html" })
	for _, name := range append(names, "index.html") {
		variants, err := compress(files[name])
		if err != nil {
			return "", fmt.Errorf("compressing %s: %w", name, err)
		}
		for i, extension := range []string{".br", ".gz", ""} {
			sizes[i] += len(variants[i])
			if err := os.WriteFile(filepath.Join(dist, name+extension), variants[i], 0o644); err != nil {
				return "", fmt.Errorf("writing the page: %w", err)
			}
		}
	}
	const kB = 1000.0
	return fmt.Sprintf("%.1f kB, %.1f kB by gzip, %.1f kB by brotli",
		float64(sizes[2])/kB, float64(sizes[1])/kB, float64(sizes[0])/kB), nil
}

// compress returns the content by brotli, by gzip, and as it is. The same content always
// gives the same bytes.
func compress(content []byte) (variants [3][]byte, err error) {
	var br, gz bytes.Buffer
	smaller := brotli.NewWriterLevel(&br, brotli.BestCompression)
	if _, err := smaller.Write(content); err != nil {
		return variants, err
	}
	if err := smaller.Close(); err != nil {
		return variants, err
	}
	small, err := gzip.NewWriterLevel(&gz, gzip.BestCompression)
	if err != nil {
		return variants, err
	}
	if _, err := small.Write(content); err != nil {
		return variants, err
	}
	if err := small.Close(); err != nil {
		return variants, err
	}
	return [3][]byte{br.Bytes(), gz.Bytes(), content}, nil
}
