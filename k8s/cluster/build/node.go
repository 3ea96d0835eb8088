package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"daca/k8s/cluster/image"
)

const containerdTimeout = 30 * time.Second

// NodeImage returns the name of the node image, which it makes unless Docker
// has it, and loads from the file if that is there. It is made of what
// NodePrograms and RootFS make before.
func (b *Builder) NodeImage(ctx context.Context, progress func(string)) (string, error) {
	name := "daca.local/node:" + b.Pins.Versions[Kubernetes] + "-" + b.Pins.Key + "-" + b.Pins.Recipe
	if _, err := docker(ctx, "image", "inspect", name); err == nil {
		return name, nil
	}
	err := b.alone(ctx, progress, func() error { return b.nodeImage(ctx, name, progress) })
	return name, err
}

func (b *Builder) nodeImage(ctx context.Context, name string, progress func(string)) error {
	path := filepath.Join(b.Dir, "node-"+b.Pins.Recipe+".tar")
	if exists(path) {
		progress("loading the node image into Docker")
		if _, err := docker(ctx, "load", "--input", path); err != nil {
			return fmt.Errorf("loading the node image: %w", err)
		}
		return nil
	}
	if err := b.makeNode(ctx, name, progress); err != nil {
		return fmt.Errorf("making the node image: %w", err)
	}
	progress("saving the node image")
	if _, err := docker(ctx, "save", "--output", path+".unfinished", name); err != nil {
		return fmt.Errorf("saving the node image: %w", err)
	}
	if err := os.Rename(path+".unfinished", path); err != nil {
		return fmt.Errorf("saving the node image: %w", err)
	}
	return b.forget(path)
}

// forget removes the node images that were made in other ways.
func (b *Builder) forget(but string) error {
	others, err := filepath.Glob(filepath.Join(b.Dir, "node-*.tar"))
	if err != nil {
		return err
	}
	for _, other := range others {
		if other == but {
			continue
		}
		if err := os.Remove(other); err != nil {
			return fmt.Errorf("removing an old node image: %w", err)
		}
	}
	return nil
}

func (b *Builder) makeNode(ctx context.Context, name string, progress func(string)) error {
	rootfs := b.rootFSFile()
	kind, err := b.ModuleDir(ctx, Kind)
	if err != nil {
		return err
	}
	files, err := b.nodeFiles(ctx, kind)
	if err != nil {
		return err
	}
	progress("the node's file system")
	base := name + "-base"
	archive := filepath.Join(b.Dir, "base.tar")
	if err := image.Write(archive, image.Image{
		Names: []string{base}, Base: rootfs, Files: files,
		Env:        []string{"container=docker"},
		Entrypoint: []string{"/usr/local/bin/entrypoint", "/sbin/init"},
		StopSignal: "SIGRTMIN+3",
	}); err != nil {
		return err
	}
	if _, err := docker(ctx, "load", "--input", archive); err != nil {
		return err
	}
	if err := os.Remove(archive); err != nil {
		return err
	}
	sandbox, err := sandboxImage(kind)
	if err != nil {
		return err
	}
	images, err := b.nodeImages(ctx, rootfs, sandbox, progress)
	if err != nil {
		return err
	}
	if err := b.preload(ctx, base, name, images, progress); err != nil {
		return err
	}
	for _, path := range images { // the node image has them now
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

func (b *Builder) nodeFiles(ctx context.Context, kind string) ([]image.File, error) {
	files, err := kindFiles(kind)
	if err != nil {
		return nil, err
	}
	original, err := output(ctx, "", b.Program("ctr"), "oci", "spec")
	if err != nil {
		return nil, err
	}
	spec, err := containerSpec(original)
	if err != nil {
		return nil, err
	}
	localPath, err := b.ModuleDir(ctx, LocalPath)
	if err != nil {
		return nil, err
	}
	storage, err := storageManifest(localPath, b.Pins.Versions[LocalPath])
	if err != nil {
		return nil, err
	}
	files = append(append(files, unitFiles()...), b.programFiles()...)
	return append(files,
		image.File{Path: "/etc/kubernetes/manifests"},
		image.File{Path: "/etc/containerd/cri-base.json", Content: spec},
		image.File{Path: "/etc/cni/net.d/10-ptp.conflist", Content: network},
		image.File{Path: "/kind/version", Content: b.Pins.Versions[Kubernetes]},
		image.File{Path: "/kind/manifests/default-storage.yaml", Content: storage},
	), nil
}
