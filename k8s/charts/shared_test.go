package charts

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
)

// A template that both services have is one line, which includes the template
// of that name from charts/service-templates.
func TestServicesShareTheirTemplates(t *testing.T) {
	t.Parallel()
	templates := func(chart string) map[string]string {
		files := map[string]string{}
		for _, f := range load(t, chart).Templates {
			files[strings.TrimPrefix(f.Name, "templates/")] = string(f.Data)
		}
		return files
	}
	analytics := templates("analytics")
	shared := 0
	for name, text := range templates("chat") {
		copied, inBoth := analytics[name]
		if !inBoth || name == "NOTES.txt" {
			continue
		}
		shared++
		want := `{{ include "service.` + strings.TrimSuffix(path.Base(name), ".yaml") + `" . }}` + "\n"
		if text != want || copied != want {
			t.Errorf("%s is %q in charts/chat and %q in charts/analytics; want %q", name, text, copied, want)
		}
	}
	if shared < 9 {
		t.Errorf("the services share only %d templates", shared)
	}
}

// The charts that Helm installs and packages have values.schema.json, but not what
// it is made of.
func TestSourcesOfTheSchemasAreNotPackaged(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"service-templates", "chat", "analytics", "daca"} {
		c := load(t, name)
		for _, f := range c.Raw {
			if f.Name == "values.schema.yaml" {
				t.Errorf("the chart %s has the file %s", name, f.Name)
			}
		}
		if len(c.Schema) == 0 && name != "service-templates" {
			t.Errorf("the chart %s has no schema", name)
		}
	}
}

// A ZIP archive, or a checkout on Windows, has a small text file in place of a
// symbolic link. Helm could not read such a chart.
func TestChartsHaveNoSymbolicLinks(t *testing.T) {
	t.Parallel()
	err := fs.WalkDir(os.DirFS(directory), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type()&fs.ModeSymlink != 0 {
			t.Errorf("charts/%s is a symbolic link", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
