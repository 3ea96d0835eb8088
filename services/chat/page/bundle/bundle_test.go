package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// archiveOf returns an archive as npm packs them, and its integrity.
func archiveOf(t *testing.T, files map[string]string) (archive []byte, integrity string) {
	t.Helper()
	var packed bytes.Buffer
	compressed := gzip.NewWriter(&packed)
	writer := tar.NewWriter(compressed)
	for name, content := range files {
		header := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}
		if err := writer.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(writer, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if err := compressed.Close(); err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512(packed.Bytes())
	return packed.Bytes(), "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}

// page writes a page that needs the package @scope/greet, and returns its directory.
func page(t *testing.T, integrity string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"package-lock.json": fmt.Sprintf(`{"lockfileVersion": 3, "packages": {
			"": {"name": "page"},
			"node_modules/@scope/greet": {"version": "1.2.3", "integrity": %q},
			"node_modules/typescript": {"version": "1.0.0", "integrity": "sha512-none", "dev": true}}}`, integrity),
		"src/index.html": `<link href="page/main.css"><link href="page/icon.svg"><script src="page/main.js"></script>`,
		"src/icon.svg":   `<svg/>`,
		"src/main.css":   `body { color: red }`,
		"src/main.tsx":   `import { greet } from "@scope/greet"; const who: string = "you"; greet(who);`,
		"dist/old-1.js":  `left over`,
		"dist/.kept":     ``,
	} {
		if err := writeFile(filepath.Join(dir, name), []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAPageIsMadeFromARegistry(t *testing.T) {
	archive, integrity := archiveOf(t, map[string]string{
		"package/package.json": `{"name": "@scope/greet", "main": "greet.js"}`,
		"package/greet.js":     `export const greet = (who) => document.title = "Hello " + who`,
		"package/LICENSE":      "MIT, by somebody",
	})
	var asked atomic.Int64
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := asked.Add(1)
		switch {
		case r.URL.Path != "/npm/@scope/greet/-/greet-1.2.3.tgz" || r.Header.Get("Authorization") != "Bearer secret":
			http.NotFound(w, r)
		case n == 1:
			w.WriteHeader(http.StatusBadGateway)
		default:
			_, _ = w.Write(archive)
		}
	}))
	defer registry.Close()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	dir := page(t, integrity)
	npmrc := fmt.Sprintf("; a comment\nregistry = %s/npm\n//%s/npm/:_authToken=${TOKEN}\n",
		registry.URL, strings.TrimPrefix(registry.URL, "http://"))
	if err := os.WriteFile(filepath.Join(dir, ".npmrc"), []byte(npmrc), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time from the cache
		var said bytes.Buffer
		if err := run(t.Context(), []string{"-dir", dir}, []string{"TOKEN=secret"}, &said); err != nil {
			t.Fatalf("%v; it said %s", err, &said)
		}
	}
	if asked.Load() != 2 {
		t.Errorf("the registry was asked %d times, want twice", asked.Load())
	}
	script := only(t, filepath.Join(dir, "dist", "main-*.js.gz"))
	html := read(t, filepath.Join(dir, "dist", "index.html.gz"))
	named := `"page/` + strings.TrimSuffix(filepath.Base(script), ".gz") + `"`
	if !strings.Contains(read(t, script), "Hello ") || !strings.Contains(html, named) {
		t.Errorf("index.html is %s, and %s is %s", html, script, read(t, script))
	}
	licenses := read(t, filepath.Join(dir, "dist", "licenses.txt.gz"))
	if !strings.Contains(licenses, "MIT, by somebody") {
		t.Errorf("licenses.txt is %s", licenses)
	}
	only(t, filepath.Join(dir, "dist", "main-*.css.gz"))
	only(t, filepath.Join(dir, "dist", ".kept"))
	if old, _ := filepath.Glob(filepath.Join(dir, "dist", "old-*")); len(old) > 0 {
		t.Errorf("dist still has %v", old)
	}
}

func TestWhatIsNotPinnedIsRefused(t *testing.T) {
	archive, integrity := archiveOf(t, map[string]string{"package/package.json": `{"name": "@scope/greet"}`})
	escaping, itsIntegrity := archiveOf(t, map[string]string{"package/../../../outside": "x"})
	for name, tc := range map[string]struct {
		served    []byte
		integrity string
		want      string
	}{
		"another archive":      {append(archive, 0), integrity, "it is not what package-lock.json pins"},
		"a path outside":       {escaping, itsIntegrity, "leads elsewhere"},
		"no integrity":         {archive, "", "does not pin node_modules/@scope/greet with version and integrity"},
		"an unknown package":   {nil, integrity, "answers 404"},
		"a page that is wrong": {archive, integrity, "main.tsx"},
	} {
		t.Run(name, func(t *testing.T) {
			registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if tc.served == nil {
					http.NotFound(w, r)
					return
				}
				_, _ = w.Write(tc.served)
			}))
			defer registry.Close()
			t.Setenv("XDG_CACHE_HOME", t.TempDir())
			t.Setenv("HOME", t.TempDir())
			dir := page(t, tc.integrity)
			err := run(t.Context(), []string{"-dir", dir}, []string{"NPM_CONFIG_REGISTRY=" + registry.URL}, io.Discard)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if _, err := os.Stat(filepath.Join(dir, "dist", "old-1.js")); err != nil {
				t.Errorf("what was there before is gone: %v", err)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	s := settings{}
	s.add("registry=https://one.example/npm\n@scope:registry=https://two.example/\n", nil)
	s.add("registry=https://three.example/\n", nil)
	for name, want := range map[string]string{
		"preact":      "https://one.example/npm/",
		"@scope/what": "https://two.example/",
		"@other/what": "https://one.example/npm/",
	} {
		if got := s.registry(name); got != want {
			t.Errorf("the registry for %s is %s, want %s", name, got, want)
		}
	}
}

// only returns the only file that the pattern matches.
func only(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) != 1 {
		t.Fatalf("%s matches %v, %v", pattern, found, err)
	}
	return found[0]
}

// read returns the text of a file that is compressed by gzip.
func read(t *testing.T, path string) string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	reader, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestTheRegistryOfNpm holds that npm is asked if nobody has set a registry, and what is
// missing without npm.
func TestTheRegistryOfNpm(t *testing.T) {
	programs := t.TempDir()
	t.Setenv("PATH", programs)
	if _, err := (settings{}).completed(t.Context()); !errors.Is(err, errNoRegistry) {
		t.Errorf("without npm: %v", err)
	}
	npm := "#!/bin/sh\n[ \"$*\" = 'config get registry' ] && echo https://one.example/\n"
	if err := os.WriteFile(filepath.Join(programs, "npm"), []byte(npm), 0o755); err != nil {
		t.Fatal(err)
	}
	for set, want := range map[string]string{"": "https://one.example/", "https://two.example": "https://two.example/"} {
		got, err := settings{"registry": set}.completed(t.Context())
		if err != nil || got.registry("preact") != want {
			t.Errorf("with the setting %q the registry is %v, %v; want %s", set, got, err, want)
		}
	}
}
