package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"daca/k8s/cluster/image"
	"daca/k8s/cluster/kindcluster"
)

// wrap puts programs that are built already on an empty file system, and loads
// that image into the cluster. An entry of files is the path of a program in
// the image, "=" and where it is. The first one is the entrypoint.
func wrap(ctx context.Context, options kindcluster.Options, ref string, files ...string) (err error) {
	cluster, err := kindcluster.Find(options)
	if err != nil {
		return err
	}
	described, err := describe(ref, files)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "daca-image-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	archive := filepath.Join(dir, "image.tar")
	if err := image.Write(archive, described); err != nil {
		return err
	}
	return cluster.LoadImages(ctx, "image "+ref, archive)
}

func describe(ref string, files []string) (image.Image, error) {
	if first, _, _ := strings.Cut(ref, "/"); !strings.ContainsAny(first, ".:") {
		ref = "docker.io/" + ref // as the node reads a name without a registry
	}
	described := image.Image{Names: []string{ref}, User: "65532:65532"}
	for _, file := range files {
		path, source, ok := strings.Cut(file, "=")
		if !ok || !filepath.IsAbs(path) {
			return described, fmt.Errorf("%q is not /PATH=FILE", file)
		}
		described.Files = append(described.Files, image.File{Path: path, Source: source, Mode: 0o755})
	}
	if len(described.Files) > 0 {
		described.Entrypoint = []string{described.Files[0].Path}
	}
	return described, nil
}
