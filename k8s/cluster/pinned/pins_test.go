package pinned

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const repository = "../../.."

func TestPins(t *testing.T) {
	t.Parallel()
	pins, err := Read(repository)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{Kubernetes, Containerd, Etcd, CoreDNS, LocalPath, Dapr, Kind, Helm} {
		if !regexp.MustCompile(`^v\d+\.\d+\.\d+$`).MatchString(pins.Versions[path]) {
			t.Errorf("%s is pinned at %q", path, pins.Versions[path])
		}
	}

	t.Run("Dapr is the same in the cluster as without one", func(t *testing.T) {
		t.Parallel()
		name := filepath.Join(repository, "services/internal/stack/daprd/go.mod")
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		version, err := required(name, text, Dapr)
		if err != nil || version != pins.Versions[Dapr] {
			t.Errorf("%s in the cluster, %s without: %v", pins.Versions[Dapr], version, err)
		}
	})

	t.Run("the READMEs install the same Dapr", func(t *testing.T) {
		t.Parallel()
		command := regexp.MustCompile(`helm install dapr dapr --repo https://dapr\.github\.io/helm-charts/ --version (\S+)`)
		var found int
		for _, folder := range []string{"", "charts", "k8s"} {
			name := filepath.Join(repository, folder, "README.md")
			text, err := os.ReadFile(name)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			for _, match := range command.FindAllSubmatch(text, -1) {
				found++
				if version := string(match[1]); version != pins.DaprVersion() {
					t.Errorf("%s installs Dapr %s, not %s", name, version, pins.DaprVersion())
				}
			}
		}
		if found == 0 {
			t.Errorf("no README has %s", command)
		}
	})

	t.Run("the source of a module is fetched", func(t *testing.T) {
		t.Parallel()
		dir, err := pins.SourceDir(t.Context(), Kind)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, "images", "base")); err != nil {
			t.Error(err)
		}
		if _, err := pins.SourceDir(t.Context(), "example.com/none"); err == nil {
			t.Error("no error for a module that is not pinned")
		}
	})
}

func TestKeys(t *testing.T) {
	t.Parallel()
	pins, err := Read(repository)
	if err != nil {
		t.Fatal(err)
	}

	t.Run("depend on the modules and the sources alone", func(t *testing.T) {
		t.Parallel()
		got, err := Read(copyModules(t))
		if err != nil || got.Key != pins.Key {
			t.Errorf("a copy has the key %s, not %s: %v", got.Key, pins.Key, err)
		}
	})

	for name, edit := range map[string]struct {
		file string
		path string // of the module whose key changes; empty for none
	}{
		"change with a go.sum":                 {"k8s/cluster/pinned/modules/etcd/go.sum", Etcd},
		"change with the source of pause":      {"k8s/cluster/fromsource/pause/main.go", Kind},
		"do not change with this package":      {"k8s/cluster/pinned/pins.go", ""},
		"do not change with this module's sum": {"k8s/go.sum", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := copyModules(t)
			file, err := os.OpenFile(filepath.Join(root, edit.file), os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := file.WriteString("\n"); err != nil {
				t.Fatal(err)
			}
			if err := file.Close(); err != nil {
				t.Fatal(err)
			}
			got, err := Read(root)
			if err != nil {
				t.Fatal(err)
			}
			for path, key := range got.Keys {
				if (key != pins.Keys[path]) != (path == edit.path) {
					t.Errorf("the key of %s is %s, before it was %s", path, key, pins.Keys[path])
				}
			}
			if (got.Key != pins.Key) != (edit.path != "") {
				t.Errorf("the key of all is %s, before it was %s", got.Key, pins.Key)
			}
		})
	}

	t.Run("need a version", func(t *testing.T) {
		t.Parallel()
		root := copyModules(t)
		name := filepath.Join(root, "k8s/cluster/pinned/modules/etcd/go.mod")
		if err := os.WriteFile(name, []byte("module etcd\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(root); err == nil || !strings.Contains(err.Error(), Etcd) {
			t.Errorf("got %v", err)
		}
	})
}

func TestHashSources(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write := func(path, content string) {
		t.Helper()
		path = filepath.Join(root, "k8s/cluster", path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	hash := func() string {
		t.Helper()
		hash, err := HashSources(root, "folder")
		if err != nil {
			t.Fatal(err)
		}
		return hash
	}
	write("folder/code.go", "package folder")
	first := hash()
	write("folder/code_test.go", "package folder")
	write("folder/inner/code.go", "package inner")
	if got := hash(); got != first {
		t.Error("the hash changes with tests and folders in the folder")
	}
	write("folder/code.go", "package other")
	if got := hash(); got == first {
		t.Error("the hash does not change with a source")
	}
	if _, err := HashSources(root, "folder", "moved"); err == nil {
		t.Error("no error for a folder without sources")
	}
}

// copyModules copies what Read reads to a new repository.
func copyModules(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	cluster := os.DirFS(filepath.Join(repository, "k8s/cluster"))
	if err := os.CopyFS(filepath.Join(root, "k8s/cluster"), cluster); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(repository, "k8s/go.mod"))
	if err == nil {
		err = os.WriteFile(filepath.Join(root, "k8s/go.mod"), text, 0o644)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(root, "k8s/go.sum"), nil, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func TestStampKubernetes(t *testing.T) {
	t.Parallel()
	got := strings.Join(stampKubernetes("v1.34.4"), " ")
	const in = "k8s.io/component-base/version."
	want := in + "gitVersion=v1.34.4 " + in + "gitMajor=1 " + in + "gitMinor=34 " + in + "gitTreeState=clean"
	if got != want {
		t.Errorf("got %s", got)
	}
}
