package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// edit changes a text in a Go file that the URLs show.
type edit struct {
	name string
	file string
	text string // as it is before the edit
	urls []string
}

func edits(at addresses) []edit {
	docs := []string{at.chat + "/openapi.json", at.analytics + "/openapi.json", at.model + "/openapi.json"}
	return []edit{
		{"chat-service", "services/chat/routes.go", "Welcome to the DACA Chat Service", []string{at.chat}},
		{"analytics-service", "services/analytics/routes.go", "Welcome to the DACA Analytics Service", []string{at.analytics}},
		{"model", "services/model/routes.go", "DACA Offline Model", []string{at.model + "/openapi.json"}},
		{"services/internal", "services/internal/serve/probes.go", "Each dependency: ok, or why it fails.", docs},
	}
}

// measure edits the file in the tree at root and returns how long it takes from
// there until each URL shows it.
func (e edit) measure(ctx context.Context, root string, round int) (time.Duration, error) {
	path := filepath.Join(root, e.file)
	before, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("editing: %w", err)
	}
	old := e.text
	if round > 1 {
		old = e.edited(round - 1)
	}
	if strings.Count(string(before), old) != 1 {
		return 0, fmt.Errorf("editing %s: it has to have %q once", e.file, old)
	}
	after := strings.Replace(string(before), old, e.edited(round), 1)
	begin := time.Now()
	if err := os.WriteFile(path, []byte(after), 0o644); err != nil {
		return 0, fmt.Errorf("editing: %w", err)
	}
	for _, url := range e.urls {
		err := poll(ctx, func() error {
			body, err := fetch(ctx, "GET", url, "", "")
			if err == nil && !strings.Contains(body, e.edited(round)) {
				err = fmt.Errorf("%s does not show the edit", url)
			}
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("waiting for the edit of %s: %w", e.file, err)
		}
	}
	return time.Since(begin), nil
}

func (e edit) edited(round int) string { return fmt.Sprintf("%s (edit %d)", e.text, round) }
