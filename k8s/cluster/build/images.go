package build

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"daca/k8s/cluster/image"
)

// DaprRegistry names Dapr's images. They are pulled from nowhere.
const DaprRegistry = "daca.local/dapr"

// DaprVersion returns the pinned version, as tags have it.
func (b *Builder) DaprVersion() string {
	return strings.TrimPrefix(b.Pins.Versions[Dapr], "v")
}

// DaprImages makes the images of the sidecar and of the control plane, and
// returns their files.
func (b *Builder) DaprImages(ctx context.Context, progress func(string)) ([]string, error) {
	var images []image.Image
	for _, name := range daprPrograms() {
		images = append(images, image.Image{
			Names:      []string{DaprRegistry + "/" + name + ":" + b.DaprVersion()},
			Files:      []image.File{{Path: "/" + name, Source: b.Program(name), Mode: 0o755}},
			Entrypoint: []string{"/" + name},
			User:       "65532",
		})
	}
	var paths []string
	err := b.alone(ctx, progress, func() (err error) {
		paths, err = b.write(images, progress)
		return err
	})
	return paths, err
}

// nodeImages makes the images that kubeadm starts, and those of the storage
// provisioner.
func (b *Builder) nodeImages(ctx context.Context, rootfs, sandbox string, progress func(string)) ([]string, error) {
	list, err := output(ctx, "", b.Program("kubeadm"), "config", "images", "list",
		"--kubernetes-version", b.Pins.Versions[Kubernetes])
	if err != nil {
		return nil, fmt.Errorf("asking kubeadm which images it needs: %w", err)
	}
	names := strings.Fields(list)
	var images []image.Image
	for _, name := range names {
		images = append(images, b.kubeadmImage(name, rootfs, sandbox))
	}
	version := b.Pins.Versions[LocalPath]
	images = append(images, b.onPath("local-path-provisioner", provisionerImage+":"+version),
		image.Image{Names: []string{helperImage + ":" + version}, Base: rootfs})
	return b.write(images, progress)
}

func (b *Builder) kubeadmImage(name, rootfs, sandbox string) image.Image {
	program, _, _ := strings.Cut(name[strings.LastIndex(name, "/")+1:], ":")
	result := b.onPath(program, name)
	switch program {
	case "kube-proxy": // it calls iptables
		result.Base = rootfs
	case "pause":
		if name != sandbox {
			result.Names = append(result.Names, sandbox)
		}
	}
	return result
}

// onPath is the image of a program alone, which can be called by its name.
func (b *Builder) onPath(program, name string) image.Image {
	path := "/usr/local/bin/" + program
	return image.Image{
		Names:      []string{name},
		Files:      []image.File{{Path: path, Source: b.Program(program), Mode: 0o755}},
		Entrypoint: []string{path},
	}
}

// write writes those images that are not there, and returns the files of all.
func (b *Builder) write(images []image.Image, progress func(string)) ([]string, error) {
	var paths []string
	for _, i := range images {
		name := strings.NewReplacer("/", "_", ":", "_").Replace(i.Names[0])
		path := filepath.Join(b.Dir, "images-"+b.Pins.Recipe, name+".tar")
		paths = append(paths, path)
		if exists(path) {
			continue
		}
		progress("image " + i.Names[0])
		if err := image.Write(path, i); err != nil {
			return nil, err
		}
	}
	return paths, nil
}
