package charts

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A block of this many lines has one home. Empty lines do not count, nor does the
// indentation.
const blockLines = 20

func TestNoBlockStandsTwice(t *testing.T) {
	t.Parallel()
	var files []string
	for _, dir := range []string{directory, "../../services", "../../k8s", "../../tilt"} {
		err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir():
				if written, _ := filepath.Match(directory+"/*/charts", name); written {
					return fs.SkipDir // by helm dependency update
				}
			case dir == directory || filepath.Ext(name) == ".go":
				files = append(files, name)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	texts := map[string]string{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(text)
	}
	if len(texts) < 200 {
		t.Errorf("only %d files were read", len(texts))
	}
	for _, pair := range repeats(texts) {
		t.Errorf("%s and %s have %d lines in common, from %q on", pair.first, pair.second, blockLines, pair.line)
	}
}

func TestRepeats(t *testing.T) {
	t.Parallel()
	lines := strings.Split("abcdefghijklmnopqrstuvwxyz", "")
	block := func(n int) string { return strings.Join(lines[:n], "\n") + "\n" }
	indented := "x\n" + strings.ReplaceAll(block(blockLines), "\n", "\n\n  ") + "y\n"
	got := repeats(map[string]string{"one": block(26), "two": indented, "three": block(blockLines-1) + "z\n"})
	if diff := cmp.Diff([]repeat{{"one", "two", "a"}}, got, cmp.AllowUnexported(repeat{})); diff != "" {
		t.Errorf("repeats (-want +got):\n%s", diff)
	}
	twice := repeats(map[string]string{"one": block(blockLines) + block(blockLines)})
	if diff := cmp.Diff([]repeat{{"one", "one", "a"}}, twice, cmp.AllowUnexported(repeat{})); diff != "" {
		t.Errorf("repeats within a file (-want +got):\n%s", diff)
	}
}

// repeat is a block that two files, or one file twice, have in common.
type repeat struct{ first, second, line string }

// repeats returns the first block that each pair of files has in common.
func repeats(texts map[string]string) []repeat {
	names := make([]string, 0, len(texts))
	for name := range texts {
		names = append(names, name)
	}
	slices.Sort(names)
	var found []repeat
	home := map[string]string{} // of each block, by its text
	for _, name := range names {
		var lines []string
		for line := range strings.Lines(texts[name]) {
			if line = strings.TrimSpace(line); line != "" {
				lines = append(lines, line)
			}
		}
		for i := range max(0, len(lines)-blockLines+1) {
			block := strings.Join(lines[i:i+blockLines], "\n")
			first, known := home[block]
			if !known {
				home[block] = name
				continue
			}
			if !slices.ContainsFunc(found, func(r repeat) bool { return r.first == first && r.second == name }) {
				found = append(found, repeat{first, name, lines[i]})
			}
		}
	}
	return found
}
