package fromsource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"daca/k8s/cluster/images"
	"daca/k8s/cluster/pinned"
)

// network is a fixed network for pods: a single node needs no other.
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

// nodeFiles lists the files that are put over the root file system. kind is the
// directory of kind's source.
func (b *Builder) nodeFiles(ctx context.Context, kind string) ([]images.File, error) {
	files, err := kindFiles(kind)
	if err != nil {
		return nil, err
	}
	original, err := output(ctx, b.program("ctr"), "oci", "spec")
	if err != nil {
		return nil, err
	}
	spec, err := containerSpec(original)
	if err != nil {
		return nil, err
	}
	localPath, err := b.pins.SourceDir(ctx, pinned.LocalPath)
	if err != nil {
		return nil, err
	}
	storage, err := storageManifest(localPath, b.pins.Versions[pinned.LocalPath])
	if err != nil {
		return nil, err
	}
	files = append(append(files, unitFiles()...), b.programFiles()...)
	return append(files,
		images.File{Path: "/etc/kubernetes/manifests"},
		images.File{Path: "/etc/containerd/cri-base.json", Content: spec},
		images.File{Path: "/etc/cni/net.d/10-ptp.conflist", Content: network},
		images.File{Path: "/kind/version", Content: b.pins.Versions[pinned.Kubernetes]},
		images.File{Path: "/kind/manifests/default-storage.yaml", Content: storage},
	), nil
}

// kindFiles lists the files that kind's own recipe copies to its base image.
func kindFiles(kind string) ([]images.File, error) {
	root := filepath.Join(kind, "images", "base", "files")
	var files []images.File
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		to := strings.TrimPrefix(path, root)
		mode := int64(0o644)
		if strings.Contains(to, "/bin/") {
			mode = 0o755
		}
		files = append(files, images.File{Path: to, OnDisk: path, Mode: mode})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading kind's files for a node: %w", err)
	}
	return files, nil
}

// unitFiles enables and masks services as kind's recipe does.
func unitFiles() []images.File {
	const etc = "/etc/systemd/system/"
	files := []images.File{
		{Path: "/usr/sbin/init", Link: "/usr/lib/systemd/systemd"},
		{Path: etc + "systemd-binfmt.service", Link: "/dev/null"},
		{Path: "/etc/systemd/journald.conf.d/kind.conf", Content: "[Journal]\nReadKMsg=no\n"},
	}
	for _, unit := range []string{"kubelet.service", "containerd.service", "undo-mount-hacks.service"} {
		files = append(files, images.File{Path: etc + "multi-user.target.wants/" + unit, Link: etc + unit})
	}
	return files
}

// programFiles puts programs where kind's recipe puts them.
func (b *Builder) programFiles() []images.File {
	var files []images.File
	add := func(dir string, names ...string) {
		for _, name := range names {
			files = append(files, images.File{Path: dir + name, OnDisk: b.program(name), Mode: 0o755})
		}
	}
	add("/usr/local/bin/", "containerd", "ctr", "containerd-shim-runc-v2")
	add("/usr/bin/", "kubeadm", "kubelet", "kubectl")
	add("/opt/cni/bin/", pinned.NetworkPlugins()...)
	return files
}

// containerSpec edits the container specification that containerd has by
// default: it adds a hook of kind's and removes the limits on resources.
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

// sandboxImage returns the name that containerd's configuration has for the
// pause image.
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
