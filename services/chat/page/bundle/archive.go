package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxArchive is far above the size of any package that a page should have.
const maxArchive = 64 << 20

// refusedError is an answer of the registry that another try does not change.
type refusedError struct{ url, status string }

func (e *refusedError) Error() string { return e.url + " answers " + e.status }

// download returns what the registry has under the URL.
func download(ctx context.Context, client *http.Client, url, token string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode >= http.StatusInternalServerError:
		return nil, fmt.Errorf("%s answers %s", url, answer.Status)
	case answer.StatusCode != http.StatusOK:
		return nil, &refusedError{url, answer.Status}
	}
	archive, err := io.ReadAll(io.LimitReader(answer.Body, maxArchive+1))
	if err == nil && len(archive) > maxArchive {
		err = fmt.Errorf("%s has more than %d bytes", url, maxArchive)
	}
	return archive, err
}

// verify returns an error unless the archive has the SHA-512 of the lock file.
func verify(archive []byte, integrity string) error {
	sum := sha512.Sum512(archive)
	got := "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
	if !slices.ContainsFunc(strings.Fields(integrity), func(want string) bool {
		return subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1
	}) {
		return fmt.Errorf("it is not what package-lock.json pins: its integrity is %s", got)
	}
	return nil
}

// unpack writes the files of an archive of npm below the directory. Each is in one folder,
// mostly called package, which is left out.
func unpack(archive []byte, dir string) error {
	compressed, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return fmt.Errorf("unpacking: %w", err)
	}
	files := tar.NewReader(compressed)
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("unpacking: %w", err)
		}
		_, name, _ := strings.Cut(header.Name, "/")
		if header.Typeflag != tar.TypeReg {
			continue
		}
		if !filepath.IsLocal(name) {
			return fmt.Errorf("unpacking: the path %q leads elsewhere", header.Name)
		}
		content, err := io.ReadAll(files)
		if err != nil {
			return fmt.Errorf("unpacking %s: %w", name, err)
		}
		if err := writeFile(filepath.Join(dir, name), content); err != nil {
			return fmt.Errorf("unpacking %s: %w", name, err)
		}
	}
}

// writeFile writes a file, and makes the directories above it.
func writeFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o644)
}
