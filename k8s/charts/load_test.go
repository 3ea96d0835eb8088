package charts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/downloader"
)

// TestLoadReadsWhatHelmInstalls updates the dependencies in a copy of charts/ as
// "helm install --dependency-update" does, and compares the renderings.
func TestLoadReadsWhatHelmInstalls(t *testing.T) {
	t.Parallel()
	dir := copyOfCharts(t)
	for _, tc := range []struct{ name, values string }{
		{"chat", "model: {existingSecret: key}"},
		{"analytics", "tokens: {enabled: false}"}, // they are random, as the password of Redis is
		{"daca", "redis: {auth: {existingSecret: mine}}\nanalytics: {tokens: {enabled: false}}"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want, err := renderFiles(t, load(t, tc.name), tc.values, options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, updateAndRender(t, dir, tc.name, tc.values)); diff != "" {
				t.Errorf("rendering of charts/%s (-Load +helm dependency update):\n%s", tc.name, diff)
			}
		})
	}
	t.Run("the umbrella prefers new shared templates to those that a service's chart still has", func(t *testing.T) {
		edit(t, filepath.Join(dir, "service-templates/templates/_service.tpl"), "kind: Service", "kind: Edited")
		files := updateAndRender(t, dir, "daca", "")
		if got := files["daca/charts/chat/templates/service.yaml"]; !strings.Contains(got, "kind: Edited") {
			t.Errorf("the Service of chat is rendered as\n%s", got)
		}
	})
}

func TestLoadRefusesAnotherVersion(t *testing.T) {
	t.Parallel()
	dir := copyOfCharts(t)
	edit(t, filepath.Join(dir, "service-templates/Chart.yaml"), "version: ", "version: 9")
	for _, name := range []string{"chat", "analytics", "daca"} {
		if _, err := Load(dir, name); err == nil || !strings.Contains(err.Error(), "of service-templates, which is at 9") {
			t.Errorf("charts/%s: error %v", name, err)
		}
	}
}

// updateAndRender runs "helm dependency update" on the chart, and renders what
// is then in its directory.
func updateAndRender(t *testing.T, dir, name, values string) map[string]string {
	t.Helper()
	manager := downloader.Manager{Out: t.Output(), ChartPath: filepath.Join(dir, name), SkipUpdate: true}
	if err := manager.Update(); err != nil {
		t.Fatal(err)
	}
	updated, err := loader.LoadDir(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	files, err := renderFiles(t, updated, values, options{})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func copyOfCharts(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(directory)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// edit replaces the first occurrence of a text in a file.
func edit(t *testing.T, path, old, replacement string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.Replace(string(text), old, replacement, 1)
	if edited == string(text) {
		t.Fatalf("%s has no %q", path, old)
	}
	if err := os.WriteFile(path, []byte(edited), 0o644); err != nil {
		t.Fatal(err)
	}
}
