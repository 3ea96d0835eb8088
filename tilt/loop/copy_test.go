package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestCopyTree(t *testing.T) {
	t.Parallel()
	root, to := t.TempDir(), t.TempDir()
	for name, content := range map[string]string{
		".gitignore": "/bin/\n", "a/kept.go": "kept", "a/new.go": "new", "gone.go": "gone", "bin/tool": "tool",
	} {
		write(t, filepath.Join(root, name), content)
	}
	for _, command := range []string{"git init -q", "git add .gitignore a/kept.go gone.go", "rm gone.go"} {
		args := strings.Fields(command)
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", command, err, out)
		}
	}
	if err := copyTree(t.Context(), root, to); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a/kept.go": "kept", "a/new.go": "new", "bin/tool": "tool"} {
		if got := read(t, filepath.Join(to, name)); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if _, err := os.Stat(filepath.Join(to, "gone.go")); err == nil {
		t.Error("a deleted file is there")
	}
	write(t, filepath.Join(to, "a/kept.go"), "edited")
	if got := read(t, filepath.Join(root, "a/kept.go")); got != "kept" {
		t.Errorf("an edit of the copy made %q of the original", got)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
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
