package gobuild

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	t.Parallel()
	run := func(script string) (said []string, err error) {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
		err = Run(cmd, (*exec.Cmd).Run, "building it", func(line string) { said = append(said, line) })
		return said, err
	}
	said, err := run("echo 'go: downloading example.com/a v1.0.0'; echo example.com/a; echo example.com/b")
	want := []string{
		"building it",
		"building it: 1 modules fetched",
		"building it: 1 packages compiled",
		"building it: 2 packages compiled",
	}
	if err != nil || !slices.Equal(said, want) {
		t.Errorf("it said %q, %v; want %q", said, err, want)
	}
	_, err = run("for i in 1 2 3 4 5 6 7 8 9; do echo a.go:$i: wrong; echo example.com/a; done; exit 1")
	if err == nil || !strings.Contains(err.Error(), "exit status 1") ||
		strings.Contains(err.Error(), "a.go:1:") || !strings.HasSuffix(err.Error(), "a.go:2: wrong\n    "+
		"a.go:3: wrong\n    a.go:4: wrong\n    a.go:5: wrong\n    a.go:6: wrong\n    a.go:7: wrong\n    "+
		"a.go:8: wrong\n    a.go:9: wrong") {
		t.Errorf("a build that fails: %v", err)
	}
}
