package repository

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestRoot(t *testing.T) {
	t.Parallel()
	root, err := Root(".")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "services", "chat")); err != nil {
		t.Errorf("%s is not the repository: %v", root, err)
	}
	if root, err := Root(t.TempDir()); err == nil {
		t.Errorf("outside of the repository Root returned %s", root)
	}
}

func TestBuildServices(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("compiles the services, which may take a minute")
	}
	root, err := Root(".")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("stamps the version into static programs", func(t *testing.T) {
		t.Parallel()
		out := filepath.Join(t.TempDir(), "out")
		if err := BuildServices(t.Context(), root, out, "VERSION=1.2.3-test", "GOOS=linux", "GOARCH=amd64"); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"chat", "analytics", "model"} {
			info, err := exec.CommandContext(t.Context(), "go", "version", "-m", filepath.Join(out, name)).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, info)
			}
			for _, want := range []string{"CGO_ENABLED=0", "GOOS=linux", "-tags=nomsgpack"} {
				if !strings.Contains(string(info), want) {
					t.Errorf("%s was not built with %s:\n%s", name, want, info)
				}
			}
			program, err := os.ReadFile(filepath.Join(out, name))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(program), "1.2.3-test") {
				t.Errorf("%s does not hold its version", name)
			}
		}
	})
	t.Run("returns what the compiler says", func(t *testing.T) {
		t.Parallel()
		err := BuildServices(t.Context(), root, t.TempDir(), "GOARCH=abacus")
		if err == nil || !strings.Contains(err.Error(), "abacus") {
			t.Errorf("got %v", err)
		}
	})
}
