package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"daca/k8s/cluster/images"
	"daca/k8s/cluster/kindcluster"
)

// wrap makes an image called ref of programs that are already compiled, and loads
// it into the cluster. Each of the programs is a path in the image, "=" and a path on
// this machine. The first one is the entrypoint.
func wrap(ctx context.Context, options kindcluster.Options, ref string, programs ...string) (err error) {
	cluster, err := kindcluster.Find(options)
	if err != nil {
		return err
	}
	described, err := describe(ref, programs)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "daca-image-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	archive := filepath.Join(dir, "image.tar")
	if err := images.Write(archive, described); err != nil {
		return err
	}
	return cluster.LoadImages(ctx, "image "+ref, archive)
}

func describe(ref string, programs []string) (images.Image, error) {
	if first, _, _ := strings.Cut(ref, "/"); !strings.ContainsAny(first, ".:") {
		ref = "docker.io/" + ref // a node completes a name without a registry like that
	}
	var files []images.File
	for _, program := range programs {
		path, onDisk, found := strings.Cut(program, "=")
		if !found || !filepath.IsAbs(path) {
			return images.Image{}, fmt.Errorf("%q is not of the form /PATH=FILE", program)
		}
		files = append(files, images.File{Path: path, OnDisk: onDisk})
	}
	return images.OfPrograms(ref, files...), nil
}
