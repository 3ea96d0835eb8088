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
)

// write replaces the files in dist by these, compressed by gzip: NAME becomes NAME.gz.
// It returns how large they are together. The directory's .gitignore stays.
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
	size, compressedSize := 0, 0
	// index.html comes last: make takes it for a sign that all is there.
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(files)), func(name string) bool { return name == "index.html" })
	for _, name := range append(names, "index.html") {
		compressed, err := compress(files[name])
		if err != nil {
			return "", fmt.Errorf("compressing %s: %w", name, err)
		}
		size += len(files[name])
		compressedSize += len(compressed)
		if err := os.WriteFile(filepath.Join(dist, name+".gz"), compressed, 0o644); err != nil {
			return "", fmt.Errorf("writing the page: %w", err)
		}
	}
	const kB = 1000.0
	return fmt.Sprintf("%.1f kB, %.1f kB by gzip", float64(size)/kB, float64(compressedSize)/kB), nil
}

// compress returns the content compressed by gzip. The same content always gives the
// same bytes.
func compress(content []byte) ([]byte, error) {
	var compressed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&compressed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := writer.Write(content); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return compressed.Bytes(), nil
}
