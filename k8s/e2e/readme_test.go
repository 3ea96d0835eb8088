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
	commands := commandsOf(string(text))
	if len(commands) < 12 {
		t.Fatalf("%s has %d commands; are its shell-session blocks still found?", readme, len(commands))
	}
	s := prepare(t, namespaceOf(t, commands))
	local := strings.NewReplacer()
	var replacements []string
	for _, c := range commands {
		if forward := regexp.MustCompile(`port-forward (svc/\S+) (\d+):(\d+) &$`).FindStringSubmatch(c.line); forward != nil {
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
		t.Logf("$ %s", c.line)
		run := func() error {
			out, err := s.command(t.Context(), "sh", "-c", local.Replace(c.line))
			got := strings.TrimSpace(out)
			if err != nil {
				return fmt.Errorf("%w\n%s", err, got)
			}
			if c.want != "" && mask(got) != mask(c.want) {
				return fmt.Errorf("$ %s\n got %s\nwant %s", c.line, got, c.want)
			}
			return nil
		}
		if strings.HasPrefix(c.line, "curl -s localhost") { // a count may arrive later
			s.eventually(run)
		} else if err := run(); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(c.line, "helm install ") {
			s.settled()
		}
	}
}

// command is a line of a shell session, and the output that is shown below it.
type command struct{ line, want string }

// commandsOf returns the lines that start with "$ " in the shell-session blocks of
// a Markdown text.
func commandsOf(markdown string) []command {
	var commands []command
	for _, block := range regexp.MustCompile("(?s)```shell-session\n(.*?)```").FindAllStringSubmatch(markdown, -1) {
		for line := range strings.Lines(block[1]) {
			if text, ok := strings.CutPrefix(line, "$ "); ok {
				commands = append(commands, command{line: strings.TrimSpace(text)})
			} else {
				last := &commands[len(commands)-1]
				last.want = strings.TrimSpace(last.want + "\n" + strings.TrimSpace(line))
			}
		}
	}
	return commands
}

// namespaceOf returns the namespace that the first of the commands creates.
func namespaceOf(t *testing.T, commands []command) string {
	t.Helper()
	name, ok := strings.CutPrefix(commands[0].line, "kubectl create namespace ")
	if !ok {
		t.Fatalf("the first command of %s does not create a namespace: %s", readme, commands[0].line)
	}
	return name
}

// mask replaces times and UUIDs, which are different each time.
func mask(s string) string {
	s = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`).ReplaceAllString(s, "TIME")
	return regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`).ReplaceAllString(s, "UUID")
}
