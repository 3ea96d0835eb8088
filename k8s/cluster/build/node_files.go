package build

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"daca/k8s/cluster/image"
)

// A single node needs no more of a network than a fixed one.
const network = `{
  "cniVersion": "1.0.0",
  "name": "node",
  "plugins": [
    {
      "type": "ptp",
      "ipMasq": true,
      "ipam": {
        "type": "host-local",
        "ranges": [[{"subnet": "10.244.0.0/24"}]],
        "routes": [{"dst": "0.0.0.0/0"}]
      }
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
`

// kindFiles returns the files that kind's own recipe copies to its base image.
func kindFiles(kind string) ([]image.File, error) {
	root := filepath.Join(kind, "images", "base", "files")
	var files []image.File
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		to := strings.TrimPrefix(path, root)
		mode := int64(0o644)
		if strings.Contains(to, "/bin/") {
			mode = 0o755
		}
		files = append(files, image.File{Path: to, Source: path, Mode: mode})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading kind's files for a node: %w", err)
	}
	return files, nil
}

// unitFiles enables and masks services as kind's recipe does.
func unitFiles() []image.File {
	const etc = "/etc/systemd/system/"
	files := []image.File{
		{Path: "/usr/sbin/init", Link: "/usr/lib/systemd/systemd"},
		{Path: etc + "systemd-binfmt.service", Link: "/dev/null"},
		{Path: "/etc/systemd/journald.conf.d/kind.conf", Content: "[Journal]\nReadKMsg=no\n"},
	}
	for _, unit := range []string{"kubelet.service", "containerd.service", "undo-mount-hacks.service"} {
		files = append(files, image.File{Path: etc + "multi-user.target.wants/" + unit, Link: etc + unit})
	}
	return files
}

// programFiles puts programs where kind's recipe has them.
func (b *Builder) programFiles() []image.File {
	var files []image.File
	add := func(dir string, names ...string) {
		for _, name := range names {
			base := filepath.Base(name)
			files = append(files, image.File{Path: dir + base, Source: b.Program(base), Mode: 0o755})
		}
	}
	add("/usr/local/bin/", "containerd", "ctr", "containerd-shim-runc-v2")
	add("/usr/bin/", "kubeadm", "kubelet", "kubectl")
	add("/opt/cni/bin/", CNI()...)
	return files
}

// containerSpec edits the default of containerd's container specification: kind
// wants a hook in it, and no limits on resources.
func containerSpec(original string) (string, error) {
	var spec map[string]any
	if err := json.Unmarshal([]byte(original), &spec); err != nil {
		return "", fmt.Errorf("reading the default container specification: %w", err)
	}
	process, ok := spec["process"].(map[string]any)
	if !ok {
		return "", errors.New("the default container specification has no process")
	}
	delete(process, "rlimits")
	spec["hooks"] = map[string]any{
		"createContainer": []any{map[string]any{"path": "/kind/bin/mount-product-files.sh"}},
	}
	text, err := json.MarshalIndent(spec, "", "  ")
	return string(text) + "\n", err
}

// sandboxImage returns the name of the pause image that containerd is
// configured with.
func sandboxImage(kind string) (string, error) {
	path := filepath.Join(kind, "images", "base", "files", "etc", "containerd", "config.toml")
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading containerd's configuration: %w", err)
	}
	match := regexp.MustCompile(`(?m)^\s*sandbox_image = "(.+)"$`).FindSubmatch(text)
	if match == nil {
		return "", fmt.Errorf("%s names no sandbox_image", path)
	}
	return string(match[1]), nil
}
