package charts

import (
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

// Each chart has a schema of its own, because Helm reads no other file with it.
// What both schemas have must be the same, except for the environment variables in
// config.
func TestServicesShareTheirSchema(t *testing.T) {
	t.Parallel()
	type schema struct {
		Defs       map[string]any `json:"$defs"`
		Properties map[string]any `json:"properties"`
	}
	read := func(chart string) (s schema) {
		if err := json.Unmarshal([]byte(file(t, chart+"/values.schema.json")), &s); err != nil {
			t.Fatal(err)
		}
		delete(s.Properties, "config")
		return s
	}
	chat := read("chat")
	analytics := read("analytics")
	for _, own := range []string{"analyticsAppId", "model", "spool"} {
		delete(chat.Properties, own)
	}
	if diff := cmp.Diff(chat, analytics); diff != "" {
		t.Errorf("the schemas of charts/chat and charts/analytics differ (-chat +analytics):\n%s", diff)
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
