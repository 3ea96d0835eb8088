//go:build e2e

package e2e

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestReadme runs the commands that the README has for a cluster, in their
// order. It comes before the tests that run side by side: it too writes the
// charts of the services into the umbrella.
func TestReadme(t *testing.T) {
	commands := clusterCommands(repositoryFile(t, "README.md"))
	if len(commands) < 12 {
		t.Fatalf("the README has %d commands for a cluster; are its shell-session blocks still found?", len(commands))
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
			// Another local port than the README's, which may be in use.
			url := s.forward(forward[1], port)
			replacements = append(replacements, "localhost:"+forward[2], strings.TrimPrefix(url, "http://"))
			local = strings.NewReplacer(replacements...)
			continue
		}
		t.Logf("$ %s", c.line)
		run := func() error {
			out, err := s.command(t.Context(), "sh", "-c", local.Replace(c.line))
			got := strings.TrimSpace(out)
			if err == nil && c.want != "" && mask(got) != mask(c.want) {
				err = fmt.Errorf("$ %s\n got %s\nwant %s", c.line, got, c.want)
			}
			if err != nil {
				return fmt.Errorf("%w\n%s", err, got)
			}
			return nil
		}
		if strings.HasPrefix(c.line, "curl -s localhost") { // counts are eventual
			s.eventually(run)
		} else if err := run(); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(c.line, "helm install ") {
			s.settled()
		}
	}
}

type readmeCommand struct{ line, want string }

// clusterCommands finds the lines that start with "$ " in shell-session blocks,
// and what is shown as their output.
func clusterCommands(markdown string) []readmeCommand {
	var commands []readmeCommand
	for _, block := range regexp.MustCompile("(?s)```shell-session\n(.*?)```").FindAllStringSubmatch(markdown, -1) {
		for line := range strings.Lines(block[1]) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				commands = append(commands, readmeCommand{line: strings.TrimSpace(command)})
			} else {
				last := &commands[len(commands)-1]
				last.want = strings.TrimSpace(last.want + "\n" + strings.TrimSpace(line))
			}
		}
	}
	return commands
}

// namespaceOf returns the namespace that the first of the commands creates.
func namespaceOf(t *testing.T, commands []readmeCommand) string {
	t.Helper()
	name, ok := strings.CutPrefix(commands[0].line, "kubectl create namespace ")
	if !ok {
		t.Fatalf("the first command for a cluster creates no namespace: %s", commands[0].line)
	}
	return name
}

// mask hides what differs from one time to the next.
func mask(s string) string {
	s = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`).ReplaceAllString(s, "TIME")
	return regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`).ReplaceAllString(s, "UUID")
}
