package services

import (
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhoImportsWhom holds the directions of the imports between packages.
func TestWhoImportsWhom(t *testing.T) {
	t.Parallel()
	needs := dependencies(t)
	for _, rule := range []struct{ pkg, never, because string }{
		{"chat", "daca/services/analytics", "the services know only the contract of each other"},
		{"analytics", "daca/services/chat", "the services know only the contract of each other"},
		{"model", "google.golang.org/grpc", "the offline model has no sidecar"},
		{"chat/agent", "github.com/gin-gonic/gin", "the agent knows neither Gin nor Dapr"},
		{"chat/agent", "github.com/dapr/go-sdk", "the agent knows neither Gin nor Dapr"},
		{"chat/mcpclient", "github.com/gin-gonic/gin", "the tools know neither Gin nor Dapr"},
		{"chat/mcpclient", "github.com/dapr/go-sdk", "the tools know neither Gin nor Dapr"},
		{"internal/serve", "github.com/danielgtaylor/huma", "package fastapi knows serve, not the reverse"},
		{"internal/serve", "github.com/dapr/go-sdk", "package sidecar knows serve, not the reverse"},
		{"internal/fastapi", "github.com/dapr/go-sdk", "only dapr.go and package sidecar know Dapr"},
	} {
		imported, ok := needs["daca/services/"+rule.pkg]
		if !ok {
			t.Errorf("there is no package %s", rule.pkg)
		}
		for _, path := range imported {
			if path == rule.never || strings.HasPrefix(path, rule.never+"/") {
				t.Errorf("%s depends on %s: %s", rule.pkg, path, rule.because)
				break
			}
		}
	}
}

// TestOnlyDaprGoImportsTheSDK holds that a service reaches Dapr in one file.
func TestOnlyDaprGoImportsTheSDK(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"chat", "chat/agent", "chat/mcpclient", "analytics", "model", "internal/*"} {
		files, err := filepath.Glob(folder + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("%s has %d files, %v", folder, len(files), err)
		}
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), "_test.go")
			if name == "dapr.go" || name == "dapr" || strings.HasPrefix(file, "internal/sidecar/") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, imported := range parsed.Imports {
				if strings.Contains(imported.Path.Value, "github.com/dapr/") {
					t.Errorf("%s imports %s; only dapr.go and package sidecar do", file, imported.Path.Value)
				}
			}
		}
	}
}

// dependencies returns what each package of this folder needs, directly or not.
func dependencies(t *testing.T) map[string][]string {
	t.Helper()
	const format = `{{.ImportPath}} {{join .Deps " "}}`
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", format, "./...").Output()
	if err != nil {
		t.Fatalf("listing the packages: %v", err)
	}
	needs := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		if paths := strings.Fields(line); len(paths) > 0 {
			needs[paths[0]] = paths[1:]
		}
	}
	return needs
}
