package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestCI(t *testing.T) {
	t.Parallel()

	t.Run("passes when the edit is served", func(t *testing.T) {
		t.Parallel()
		f := setup(t, "up) serve;; get) echo chat-1 model-1;;")
		if err := f.ci(t); err != nil {
			t.Fatal(err)
		}
		services := "uiresource/chat-service uiresource/analytics-service uiresource/model"
		want := []string{
			"ci --timeout 10m0s --context here -- --offline",
			"down --delete-namespaces --context here -- --offline",
			"get kubernetesdiscovery -o jsonpath={.items[*].status.pods[*].name}",
			"get kubernetesdiscovery -o jsonpath={.items[*].status.pods[*].name}",
			"up --stream --context here -- --offline",
			"wait --for=condition=Ready --timeout 10m0s " + services,
			"wait --for=condition=UpToDate --timeout 10m0s " + services,
		}
		commands := strings.Split(strings.TrimSpace(read(t, f.log)), "\n")
		if last := commands[len(commands)-1]; last != want[1] {
			t.Errorf("it ended with %q", last)
		}
		slices.Sort(commands)
		if !slices.Equal(commands, want) {
			t.Errorf("it ran\n%s", strings.Join(commands, "\n"))
		}
		if strings.Contains(read(t, filepath.Join(f.root, editedFile)), textAfter) {
			t.Error("it edited the tree itself, not the copy")
		}
		if tree := strings.TrimSpace(read(t, f.tree)); exists(tree) {
			t.Errorf("the copy %s is still there", tree)
		}
	})

	t.Run("fails when the edit replaces a pod", func(t *testing.T) {
		t.Parallel()
		f := setup(t, "up) serve;; get) grep -c get $log;;")
		if err := f.ci(t); err == nil || !strings.Contains(err.Error(), "replaced a pod") {
			t.Errorf("got %v", err)
		}
	})

	t.Run("fails when tilt ci does, and cleans up", func(t *testing.T) {
		t.Parallel()
		f := setup(t, "ci) echo something is broken; exit 1;;")
		err := f.ci(t)
		if err == nil || !strings.Contains(err.Error(), "tilt ci") || !strings.Contains(err.Error(), "something is broken") {
			t.Errorf("got %v", err)
		}
		if got := read(t, f.log); strings.Contains(got, "up") || !strings.Contains(got, "down") {
			t.Errorf("it ran %q", got)
		}
	})

	t.Run("fails at once when tilt up ends", func(t *testing.T) {
		t.Parallel()
		f := setup(t, "up) echo something is broken; exit 1;;")
		err := f.ci(t)
		for _, part := range []string{"tilt up ended", "something is broken"} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("got %v, want %q in it", err, part)
			}
		}
	})

	t.Run("does not take another suite for its own", func(t *testing.T) {
		t.Parallel()
		f := setup(t, "")
		other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		defer other.Close()
		f.at.chat = other.URL
		if err := f.ci(t); err == nil || !strings.Contains(err.Error(), other.URL) {
			t.Errorf("got %v", err)
		}
		if exists(f.log) {
			t.Errorf("it ran %q", read(t, f.log))
		}
	})
}

func TestTheEditedTextIsThere(t *testing.T) {
	t.Parallel()
	if got := strings.Count(read(t, filepath.Join("../..", editedFile)), textBefore); got != 1 {
		t.Errorf("%s has %q %d times, want once", editedFile, textBefore, got)
	}
}

// fixture is a small tree, a script in place of Tilt, and a server in place of
// the services.
type fixture struct {
	root string
	tilt program
	log  string // the commands that the script was given
	tree string // the file that names the directory of tilt up
	at   addresses
}

// setup returns a fixture. cases are what the script does for some commands. With
// the case "up) serve" the server shows the file that is edited.
func setup(t *testing.T, cases string) fixture {
	t.Helper()
	dir := t.TempDir()
	f := fixture{
		root: filepath.Join(dir, "root"),
		tilt: program{path: filepath.Join(dir, "tilt"), context: "here"},
		log:  filepath.Join(dir, "log"),
		tree: filepath.Join(dir, "tree"),
	}
	for _, name := range []string{
		"Makefile", "Tiltfile", "go.mod", "go.sum", "bin/helm", "charts/README.md", "tilt/README.md",
	} {
		write(t, filepath.Join(f.root, name), "")
	}
	write(t, filepath.Join(f.root, editedFile), textBefore)
	write(t, f.tilt.path, fmt.Sprintf(`#!/bin/sh
log=%s
serve() { pwd > %s; trap exit INT; while :; do sleep 0.02; done; }
test -e bin/helm || exit 9
echo "$@" >> $log
case $1 in %s esac
`, f.log, f.tree, cases))
	services := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tree, err := os.ReadFile(f.tree)
		if err != nil {
			http.Error(w, "not yet", http.StatusServiceUnavailable)
			return
		}
		http.ServeFile(w, r, filepath.Join(strings.TrimSpace(string(tree)), editedFile))
	}))
	t.Cleanup(services.Close)
	f.at = addresses{chat: services.URL, analytics: services.URL, model: services.URL}
	return f
}

func (f fixture) ci(t *testing.T) error {
	t.Helper()
	return ci(t.Context(), f.tilt, f.root, f.at, t.Output())
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	syscall.ForkLock.RLock() // what a fork has open for writing cannot be run
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
