package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCI(t *testing.T) {
	t.Parallel()

	t.Run("cleans up when tilt ci fails", func(t *testing.T) {
		t.Parallel()
		o, out, log := setup(t)
		err := ci(t.Context(), o, root(t))
		if err == nil || !strings.Contains(err.Error(), "tilt ci") {
			t.Errorf("got %v", err)
		}
		if !strings.Contains(out.String(), "something is broken") {
			t.Errorf("the output of tilt is missing: %q", out)
		}
		var trees []string
		for line := range strings.Lines(read(t, log)) {
			command, tree, _ := strings.Cut(strings.TrimSpace(line), " in ")
			trees = append(trees, tree)
			if len(trees) == 1 && command != "tilt ci --context here --timeout 10m0s" ||
				len(trees) == 2 && command != "tilt down --context here --delete-namespaces" ||
				len(trees) == 3 && command != "kubectl --context here wait --for=delete namespace/daca-tilt --timeout 3m0s" {
				t.Errorf("step %d is %q", len(trees), command)
			}
		}
		if len(trees) != 3 {
			t.Fatalf("it ran %q", read(t, log))
		}
		if _, err := os.Stat(trees[0]); err == nil {
			t.Errorf("the copy %s is still there", trees[0])
		}
	})

	t.Run("does not take another suite for its own", func(t *testing.T) {
		t.Parallel()
		o, _, log := setup(t)
		running := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		defer running.Close()
		o.at.chat = running.URL
		if err := ci(t.Context(), o, root(t)); err == nil || !strings.Contains(err.Error(), running.URL) {
			t.Errorf("got %v", err)
		}
		if _, err := os.Stat(log); err == nil {
			t.Errorf("it ran %q", read(t, log))
		}
	})

	t.Run("stops soon when tilt up ends", func(t *testing.T) {
		t.Parallel()
		o, out, _ := setup(t)
		begin := time.Now()
		_, err := o.up(t.Context(), t.TempDir(), filepath.Join(t.TempDir(), "log"))
		if err == nil || !strings.Contains(err.Error(), "ended") || time.Since(begin) > upTimeout/2 {
			t.Errorf("got %v after %s", err, time.Since(begin))
		}
		if !strings.Contains(out.String(), "something is broken") {
			t.Errorf("the output of tilt is missing: %q", out)
		}
	})
}

// setup returns options with programs that only write to the log, and with
// addresses at which nothing answers. tilt ci and tilt up fail.
func setup(t *testing.T) (o options, out *strings.Builder, log string) {
	t.Helper()
	dir := t.TempDir()
	log = filepath.Join(dir, "log")
	for _, name := range []string{"tilt", "kubectl"} {
		script := fmt.Sprintf("#!/bin/sh\necho %s \"$@\" in $(pwd) >> %s\ncase $1 in ci|up) echo something is broken; exit 1;; esac\n", name, log)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	out = &strings.Builder{}
	return options{
		tilt: filepath.Join(dir, "tilt"), kubectl: filepath.Join(dir, "kubectl"), context: "here",
		at:     addresses{"http://127.0.0.1:1", "http://127.0.0.1:1", "http://127.0.0.1:1"},
		rounds: 1, aim: time.Second, stdout: out,
	}, out, log
}

func root(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, ".gitignore"), "/bin/\n")
	write(t, filepath.Join(dir, "bin/tool"), "")
	cmd := exec.Command("git", "init", "-q")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}
