//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"daca/services/flow/walk"
)

// readme has the commands that people run to install the charts.
const readme = "charts/README.md"

// TestReadme runs those commands in their order. It does not run at the same time
// as the other tests, because they write the charts of the services into the
// umbrella too.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, readme))
	if err != nil {
		t.Fatal(err)
	}
	commands := walk.Commands(string(text), "shell-session")
	if len(commands) < 12 {
		t.Fatalf("%s has %d commands; are its shell-session blocks still found?", readme, len(commands))
	}
	s := prepare(t, namespaceOf(t, commands))
	local := strings.NewReplacer()
	var replacements []string
	for _, c := range commands {
		if forward := regexp.MustCompile(`port-forward (svc/\S+) (\d+):(\d+) &$`).FindStringSubmatch(c.Line); forward != nil {
			port, err := strconv.Atoi(forward[3])
			if err != nil {
				t.Fatal(err)
			}
			// The local port of the README may be in use, so take a free one.
			url := s.forward(forward[1], port)
			replacements = append(replacements, "localhost:"+forward[2], strings.TrimPrefix(url, "http://"))
			local = strings.NewReplacer(replacements...)
			continue
		}
		t.Logf("$ %s", c.Line)
		run := func() error {
			out, err := s.command(t.Context(), "sh", "-c", local.Replace(c.Line))
			got := strings.TrimSpace(out)
			if err != nil {
				return fmt.Errorf("%w\n%s", err, got)
			}
			if c.Want != "" && !walk.Same(got, c.Want) {
				return fmt.Errorf("$ %s\n got %s\nwant %s", c.Line, got, c.Want)
			}
			return nil
		}
		if strings.HasPrefix(c.Line, "curl -s localhost") { // a count may arrive later
			s.eventually(run)
		} else if err := run(); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(c.Line, "helm install ") {
			s.settled()
		}
	}
}

// namespaceOf returns the namespace that the first of the commands creates.
func namespaceOf(t *testing.T, commands []walk.Command) string {
	t.Helper()
	name, ok := strings.CutPrefix(commands[0].Line, "kubectl create namespace ")
	if !ok {
		t.Fatalf("the first command of %s does not create a namespace: %s", readme, commands[0].Line)
	}
	return name
}
