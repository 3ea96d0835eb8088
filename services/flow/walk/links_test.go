package walk

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"daca/services/local/repository"
)

// TestLinks follows every link between documents of the repository, to the
// heading that it names.
func TestLinks(t *testing.T) {
	t.Parallel()
	root, err := repository.Root(".")
	if err != nil {
		t.Fatal(err)
	}
	followed := 0
	for _, path := range documents(t, root) {
		link := regexp.MustCompile(`\]\(([^)#:\s]*)(#[^)\s]*)?\)`)
		for _, match := range link.FindAllStringSubmatch(read(t, path), -1) {
			target, heading := match[1], strings.TrimPrefix(match[2], "#")
			to := path
			if target != "" {
				to = filepath.Join(filepath.Dir(path), target)
			}
			followed++
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s links to %s, which does not exist", path, target)
			} else if heading != "" && !headings(read(t, to))[heading] {
				t.Errorf("%s links to %s#%s, and there is no such heading", path, target, heading)
			}
		}
	}
	if followed < 30 {
		t.Errorf("only %d links were found", followed)
	}
}

// documents returns the Markdown files of the repository.
func documents(t *testing.T, root string) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"*.md", "*/*.md", "*/*/*.md"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, paths...)
	}
	return found
}

// headings returns the anchors that GitHub gives the headings of a document.
func headings(markdown string) map[string]bool {
	anchors := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(markdown, -1) {
		dropped := regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
		anchor := dropped.ReplaceAllString(strings.ToLower(heading[1]), "")
		anchors[strings.ReplaceAll(anchor, " ", "-")] = true
	}
	return anchors
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
