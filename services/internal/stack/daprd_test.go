package stack

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// setupDaprd returns a source whose module pins 1.2.3 and whose go command
// is a script that "builds" a daprd of that version.
func setupDaprd(t *testing.T) DaprdSource {
	t.Helper()
	dir := t.TempDir()
	s := DaprdSource{
		Module: filepath.Join(dir, "module"),
		Path:   filepath.Join(dir, "path"),
		Home:   filepath.Join(dir, "home"),
		Cache:  filepath.Join(dir, "cache"),
		Go:     filepath.Join(dir, "go"),
	}
	write(t, filepath.Join(s.Module, "go.mod"), "module m\n\nrequire (\n\tgithub.com/dapr/dapr v1.2.3 // indirect\n)\n")
	write(t, filepath.Join(s.Module, "go.sum"), "")
	write(t, filepath.Join(s.Module, "main.go"), "package main\n")
	write(t, s.Go, `#!/bin/sh
echo "go: downloading example.com/m v1.0.0" >&2
echo example.com/m >&2
echo built >> "`+dir+`/builds"
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\necho 1.2.3\n' > "$2" && chmod +x "$2"
`)
	return s
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	// A process that another test starts now would have the file open until it runs its own
	// program, and what is open for writing cannot be run.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
}

func fakeDaprd(t *testing.T, path, version string) {
	t.Helper()
	write(t, path, "#!/bin/sh\necho "+version+"\n")
}

func silent(string) {}

func TestDaprdLookup(t *testing.T) {
	t.Parallel()
	t.Run("takes the program of DAPRD_PATH, whatever its version is", func(t *testing.T) {
		t.Parallel()
		s := setupDaprd(t)
		s.Override = filepath.Join(t.TempDir(), "mine")
		if _, err := s.Find(t.Context(), silent); err == nil || !strings.HasPrefix(err.Error(), "DAPRD_PATH: ") {
			t.Errorf("a missing override: %v", err)
		}
		fakeDaprd(t, s.Override, "9.9.9")
		if got, err := s.Find(t.Context(), silent); err != nil || got != s.Override {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("takes an installed program only if it has the pinned version", func(t *testing.T) {
		t.Parallel()
		s := setupDaprd(t)
		fakeDaprd(t, filepath.Join(s.Path, "daprd"), "1.2.2")
		want := filepath.Join(s.Home, ".dapr", "bin", "daprd")
		fakeDaprd(t, want, "1.2.3")
		if got, err := s.Find(t.Context(), silent); err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	})
	t.Run("builds once for several callers and keeps the program", func(t *testing.T) {
		t.Parallel()
		s := setupDaprd(t)
		var finding sync.WaitGroup
		for range 4 {
			finding.Go(func() {
				got, err := s.Find(t.Context(), silent)
				if err != nil || !strings.HasPrefix(got, filepath.Join(s.Cache, "daprd-1.2.3-")) {
					t.Errorf("got %q, %v", got, err)
				}
			})
		}
		finding.Wait()
		builds, err := os.ReadFile(filepath.Join(filepath.Dir(s.Go), "builds"))
		if err != nil || string(builds) != "built\n" {
			t.Errorf("builds: %q, %v", builds, err)
		}
	})
	t.Run("builds again when the module changes", func(t *testing.T) {
		t.Parallel()
		s := setupDaprd(t)
		first, err := s.Find(t.Context(), silent)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"go.sum", "main.go"} {
			write(t, filepath.Join(s.Module, file), "changed\n")
			second, err := s.Find(t.Context(), silent)
			if err != nil || second == first {
				t.Errorf("got %q again after a change of %s, %v", second, file, err)
			}
			first = second
		}
	})
	t.Run("reports progress", func(t *testing.T) {
		t.Parallel()
		var last string
		if _, err := setupDaprd(t).Find(t.Context(), func(text string) { last = text }); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(last, ": 1 packages compiled") {
			t.Errorf("the last progress was %q", last)
		}
	})
	t.Run("shows the end of a failed build", func(t *testing.T) {
		t.Parallel()
		s := setupDaprd(t)
		write(t, s.Go, "#!/bin/sh\necho example.com/m\necho 'x.go:1: syntax error'\nexit 1\n")
		_, err := s.Find(t.Context(), silent)
		if err == nil || !strings.HasPrefix(err.Error(), "building daprd 1.2.3: ") ||
			!strings.HasSuffix(err.Error(), "\n    x.go:1: syntax error") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("says that Go is missing", func(t *testing.T) {
		t.Parallel()
		s := setupDaprd(t)
		s.Go = filepath.Join(t.TempDir(), "go")
		if _, err := s.Find(t.Context(), silent); err == nil || !strings.Contains(err.Error(), "no go command") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("stops building when the context ends", func(t *testing.T) {
		t.Parallel()
		s := setupDaprd(t)
		write(t, s.Go, "#!/bin/sh\necho started\nsleep 1000\n")
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		_, err := s.Find(ctx, func(text string) {
			if strings.Contains(text, "1 packages") {
				cancel()
			}
		})
		if err == nil || !strings.Contains(err.Error(), "context canceled") {
			t.Errorf("got %v", err)
		}
	})
}
