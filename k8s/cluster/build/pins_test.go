package build

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const repository = "../../.."

func TestPins(t *testing.T) {
	t.Parallel()
	pins, err := ReadPins(repository)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{Kubernetes, Containerd, Etcd, CoreDNS, LocalPath, Dapr, Kind} {
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

	t.Run("the README installs the same Dapr", func(t *testing.T) {
		t.Parallel()
		text, err := os.ReadFile(filepath.Join(repository, "README.md"))
		if err != nil {
			t.Fatal(err)
		}
		want := "helm install dapr dapr --repo https://dapr.github.io/helm-charts/ --version " + strings.TrimPrefix(pins.Versions[Dapr], "v") + " "
		if !strings.Contains(string(text), want) {
			t.Errorf("the README has no %q", want)
		}
	})

	copyModules := func(t *testing.T) string {
		t.Helper()
		root := t.TempDir()
		if err := os.CopyFS(filepath.Join(root, "k8s/cluster"), os.DirFS(filepath.Join(repository, "k8s/cluster"))); err != nil {
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
	t.Run("the keys follow from the modules and the sources alone", func(t *testing.T) {
		t.Parallel()
		got, err := ReadPins(copyModules(t))
		if err != nil || got.Key != pins.Key || got.Recipe != pins.Recipe {
			t.Errorf("a copy has %s and %s, not %s and %s: %v", got.Key, got.Recipe, pins.Key, pins.Recipe, err)
		}
	})
	for name, edit := range map[string]struct {
		file        string
		key, recipe bool
	}{
		"another go.sum gives another key":         {"k8s/cluster/modules/etcd/go.sum", true, false},
		"another recipe gives other images":        {"k8s/cluster/build/node.go", false, true},
		"another test gives neither":               {"k8s/cluster/build/pins_test.go", false, false},
		"another way to create gives neither":      {"k8s/cluster/kindcluster/config.go", false, false},
		"another sum of this module gives neither": {"k8s/go.sum", false, false},
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
			got, err := ReadPins(root)
			if err != nil {
				t.Fatal(err)
			}
			if edit.key && (got.Keys[Etcd] == pins.Keys[Etcd] || got.Keys[Kubernetes] != pins.Keys[Kubernetes]) {
				t.Errorf("the keys are %v, before %v; want another one of etcd alone", got.Keys, pins.Keys)
			}
			if (got.Key != pins.Key) != edit.key || (got.Recipe != pins.Recipe) != edit.recipe {
				t.Errorf("got %s and %s, before %s and %s", got.Key, got.Recipe, pins.Key, pins.Recipe)
			}
		})
	}
	t.Run("a module that pins nothing is an error", func(t *testing.T) {
		t.Parallel()
		root := copyModules(t)
		name := filepath.Join(root, "k8s/cluster/modules/etcd/go.mod")
		if err := os.WriteFile(name, []byte("module etcd\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadPins(root); err == nil || !strings.Contains(err.Error(), Etcd) {
			t.Errorf("got %v", err)
		}
	})
}

func TestStampKubernetes(t *testing.T) {
	t.Parallel()
	got := strings.Join(stampKubernetes("v1.34.4"), " ")
	const in = "k8s.io/component-base/version."
	if want := in + "gitVersion=v1.34.4 " + in + "gitMajor=1 " + in + "gitMinor=34 " + in + "gitTreeState=clean"; got != want {
		t.Errorf("got %s", got)
	}
}
