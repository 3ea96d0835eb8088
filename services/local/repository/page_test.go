package repository

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestBuildPage(t *testing.T) {
	t.Parallel()
	build := func(recipe string) (said []string, err error) {
		root := t.TempDir()
		makefile := "page:\n\t@" + recipe + "\n"
		if err := os.WriteFile(filepath.Join(root, "Makefile"), []byte(makefile), 0o600); err != nil {
			t.Fatal(err)
		}
		err = BuildPage(t.Context(), root, func(line string) { said = append(said, line) })
		return said, err
	}
	said, err := build("echo fetching preact; echo done")
	want := []string{"making the page", "making the page: fetching preact", "making the page: done"}
	if err != nil || !slices.Equal(said, want) {
		t.Errorf("it said %q, %v; want %q", said, err, want)
	}
	_, err = build("echo the registry is away >&2; exit 1")
	if err == nil || !strings.Contains(err.Error(), "the registry is away") {
		t.Errorf("a page that cannot be made: %v", err)
	}
}
