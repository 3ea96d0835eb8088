package fromsource

import (
	"context"
	"fmt"
	"strings"

	"daca/k8s/cluster/images"
	"daca/k8s/cluster/pinned"
)

// nodeImages makes the images that kubeadm starts, and those of the storage
// provisioner. It returns their files. Some of the images lie over the root file
// system rootfs; sandbox is the name that containerd has for the pause image.
func (b *Builder) nodeImages(
	ctx context.Context, rootfs, sandbox string, progress func(string),
) ([]string, error) {
	list, err := output(ctx, b.program("kubeadm"), "config", "images", "list",
		"--kubernetes-version", b.pins.Versions[pinned.Kubernetes])
	if err != nil {
		return nil, fmt.Errorf("asking kubeadm which images it needs: %w", err)
	}
	var described []images.Image
	for _, name := range strings.Fields(list) {
		described = append(described, b.kubeadmImage(name, rootfs, sandbox))
	}
	version := b.pins.Versions[pinned.LocalPath]
	described = append(described, b.onPath("local-path-provisioner", provisionerImage+":"+version),
		images.Image{Names: []string{helperImage + ":" + version}, Base: rootfs})
	return b.imageFiles(described), b.write(described, progress)
}

func (b *Builder) kubeadmImage(name, rootfs, sandbox string) images.Image {
	program, _, _ := strings.Cut(name[strings.LastIndex(name, "/")+1:], ":")
	described := b.onPath(program, name)
	switch program {
	case "kube-proxy": // it calls iptables
		described.Base = rootfs
	case "pause":
		if name != sandbox {
			described.Names = append(described.Names, sandbox)
		}
	}
	return described
}

// onPath describes the image of a program alone, in a directory that PATH has.
func (b *Builder) onPath(program, name string) images.Image {
	path := "/usr/local/bin/" + program
	return images.Image{
		Names:      []string{name},
		Files:      []images.File{{Path: path, OnDisk: b.program(program), Mode: 0o755}},
		Entrypoint: []string{path},
	}
}
