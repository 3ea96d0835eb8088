package charts

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A change of what the charts render is reviewed as a diff of testdata/, which
// UPDATE_GOLDEN=1 writes.
func TestGoldenRenderings(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ chart, values string }{
		"daca":            {"daca", ""},
		"daca-production": {"daca", file(t, "daca/values-production.yaml")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := render(t, tc.chart, tc.values)
			var text strings.Builder
			for _, o := range r.objects {
				fmt.Fprintf(&text, "---\n# %s\n%s\n", o.template, strings.TrimSpace(string(o.text)))
			}
			secret := regexp.MustCompile(`(redis-password|token): .{16,}`)
			golden(t, name+".yaml", secret.ReplaceAllString(text.String(), "$1: (random)"))
			golden(t, name+"-notes.txt", r.notes)
		})
	}
}

// golden compares the text with a file of testdata/.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; UPDATE_GOLDEN=1 writes it", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s changed (-reviewed +got); UPDATE_GOLDEN=1 accepts it:\n%s", path, diff)
	}
}
