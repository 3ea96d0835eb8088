package fromsource

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"daca/k8s/cluster/pinned"
)

func TestContainerSpec(t *testing.T) {
	t.Parallel()
	got, err := containerSpec(`{"process":{"args":["sh"],"rlimits":[{"type":"RLIMIT_NOFILE"}]},"root":{"path":"rootfs"}}`)
	if err != nil {
		t.Fatal(err)
	}
	var compact map[string]any
	if err := json.Unmarshal([]byte(got), &compact); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(compact)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"hooks":{"createContainer":[{"path":"/kind/bin/mount-product-files.sh"}]},` +
		`"process":{"args":["sh"]},"root":{"path":"rootfs"}}`
	if string(text) != want {
		t.Errorf("got %s", text)
	}
	for _, bad := range []string{"", "{}"} {
		if _, err := containerSpec(bad); err == nil {
			t.Errorf("no error for %q", bad)
		}
	}
}

func TestStorageManifest(t *testing.T) {
	t.Parallel()
	source := t.TempDir()
	path := filepath.Join(source, "deploy", "local-path-storage.yaml")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	const published = "metadata:\n  name: local-path\nimage: rancher/local-path-provisioner:v1\n" +
		"/opt/local-path-provisioner\nimage: busybox\n"
	if err := os.WriteFile(path, []byte(published), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := storageManifest(source, "v1")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"image: daca.local/local-path-provisioner:v1\n", "image: daca.local/local-path-helper:v1\n",
		"is-default-class: \"true\"", "/var/local-path-provisioner",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it has no %q: %s", want, got)
		}
	}
	if _, err := storageManifest(source, "v2"); err == nil {
		t.Error("no error for a manifest of another version")
	}
}

func TestKubeadmImages(t *testing.T) {
	t.Parallel()
	b := &Builder{cache: "/cache", pins: pinned.Pins{Keys: map[string]string{pinned.CoreDNS: "key"}}}
	const sandbox = "registry.k8s.io/pause:3.10"

	proxy := b.kubeadmImage("registry.k8s.io/kube-proxy:v1", "rootfs.tar", sandbox)
	if proxy.Base != "rootfs.tar" || proxy.Files[0].Path != "/usr/local/bin/kube-proxy" {
		t.Errorf("kube-proxy is %+v", proxy)
	}
	dns := b.kubeadmImage("registry.k8s.io/coredns/coredns:v1", "rootfs.tar", sandbox)
	if dns.Base != "" || dns.Files[0].OnDisk != "/cache/programs/coredns-key/coredns" ||
		!slices.Equal(dns.Entrypoint, []string{"/usr/local/bin/coredns"}) {
		t.Errorf("coredns is %+v", dns)
	}
	pause := b.kubeadmImage("registry.k8s.io/pause:3.10.1", "rootfs.tar", sandbox)
	if !slices.Equal(pause.Names, []string{"registry.k8s.io/pause:3.10.1", sandbox}) {
		t.Errorf("pause has the names %q", pause.Names)
	}
	if same := b.kubeadmImage(sandbox, "rootfs.tar", sandbox); len(same.Names) != 1 {
		t.Errorf("pause has the names %q", same.Names)
	}
}

func TestPrune(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(path string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, path), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	gone := []string{
		"etc/systemd/system/timers.target.wants/apt.timer", "usr/share/doc/jq/README", "var/lib/apt/lists/x",
	}
	kept := []string{"usr/share/doc/jq/copyright", "usr/lib/systemd/system/sockets.target.wants/dbus.socket"}
	for _, path := range append(gone, kept...) {
		write(path)
	}
	if err := prune(dir); err != nil {
		t.Fatal(err)
	}
	for _, path := range gone {
		if exists(filepath.Join(dir, path)) {
			t.Errorf("%s is still there", path)
		}
	}
	for _, path := range kept {
		if !exists(filepath.Join(dir, path)) {
			t.Errorf("%s is gone", path)
		}
	}
}
