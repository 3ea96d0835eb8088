package fromsource

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"daca/k8s/cluster/images"
	"daca/k8s/cluster/pinned"
)

// NodeImage returns the name of the node image. If Docker does not have it, it
// is loaded from the cache, or made from what NodePrograms and RootFS left there.
func (b *Builder) NodeImage(ctx context.Context, progress func(string)) (string, error) {
	name := "daca.local/node:" + b.pins.Versions[pinned.Kubernetes] + "-" + b.pins.Key + "-" + b.recipe
	inDocker := func() bool {
		_, err := docker(ctx, "image", "inspect", name)
		return err == nil
	}
	err := b.once(ctx, progress, inDocker, func() error { return b.loadNode(ctx, name, progress) })
	return name, err
}

// loadNode loads the node image into Docker from the cache, or makes it there and
// saves it to the cache.
func (b *Builder) loadNode(ctx context.Context, name string, progress func(string)) error {
	path := filepath.Join(b.dir, "node-"+b.recipe+".tar")
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
	return b.forgetOthers(path)
}

// forgetOthers removes the node images that other versions of this code made of
// the same programs.
func (b *Builder) forgetOthers(current string) error {
	paths, err := filepath.Glob(filepath.Join(b.dir, "node-*.tar"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		if path == current {
			continue
		}
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("removing an old node image: %w", err)
		}
	}
	return nil
}

// makeNode makes the node image in Docker: files over a root file system first,
// then the images that a node has from the start.
func (b *Builder) makeNode(ctx context.Context, name string, progress func(string)) error {
	kind, err := b.pins.SourceDir(ctx, pinned.Kind)
	if err != nil {
		return err
	}
	files, err := b.nodeFiles(ctx, kind)
	if err != nil {
		return err
	}
	progress("the node's file system")
	base := name + "-base"
	archive := filepath.Join(b.dir, "base.tar")
	if err := images.Write(archive, images.Image{
		Names: []string{base}, Base: b.rootFSFile(), Files: files,
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
	archives, err := b.nodeImages(ctx, b.rootFSFile(), sandbox, progress)
	if err != nil {
		return err
	}
	if err := b.preload(ctx, base, name, archives, progress); err != nil {
		return err
	}
	for _, path := range archives { // the node image contains them now
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}
