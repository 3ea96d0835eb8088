package services

import (
	"cmp"
	"context"
	"maps"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"daca/k8s/cluster/images"
	"daca/services/local/repository"
)

// Images makes images from the sources in the repository at Root.
type Images struct {
	Root      string // of the repository
	Dir       string // for programs and images
	Arch      string // a GOARCH; empty: that of this program
	Version   string // for the programs and the labels; empty: what git describes
	SourceURL string // where the sources are published, for the labels; may be empty
}

// Make compiles the services and writes an image of each as a docker archive,
// named as the charts name it. It returns the files, in the order of All. An image
// has nothing but the program and the roots of TLS.
func (i Images) Make(ctx context.Context, progress func(string)) ([]string, error) {
	tag, err := Tag(i.Root)
	if err != nil {
		return nil, err
	}
	described, err := i.compile(ctx, Repository, tag, progress)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, image := range described {
		path := image.Files[0].OnDisk + ".tar"
		progress("image " + image.Names[0])
		if err := images.Write(path, image); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// compile compiles the services and describes their images, in the order of All.
// The prefix is what the images' names have before the name of the service.
func (i Images) compile(ctx context.Context, prefix, tag string, progress func(string)) ([]images.Image, error) {
	arch := cmp.Or(i.Arch, runtime.GOARCH)
	version := i.version(ctx)
	dir := filepath.Join(i.Dir, arch)
	progress("compiling the services for " + arch)
	err := repository.BuildServices(ctx, i.Root, dir, "VERSION="+version, "GOOS=linux", "GOARCH="+arch)
	if err != nil {
		return nil, err
	}
	labels := i.labels(ctx, version)
	trusted := roots()
	var described []images.Image
	for _, service := range All() {
		program := images.File{Path: "/" + service.Name, OnDisk: filepath.Join(dir, service.Folder)}
		image := images.OfPrograms(prefix+service.Name+":"+tag, program)
		image.Files = append(image.Files, trusted)
		image.Arch = arch
		image.Labels = maps.Clone(labels)
		image.Labels["org.opencontainers.image.title"] = service.Title
		described = append(described, image)
	}
	return described, nil
}

// labels returns the labels that the images of all services have.
func (i Images) labels(ctx context.Context, version string) map[string]string {
	labels := map[string]string{
		"org.opencontainers.image.version":  version,
		"org.opencontainers.image.licenses": "Apache-2.0",
	}
	if revision, err := git(ctx, i.Root, "rev-parse", "HEAD"); err == nil {
		labels["org.opencontainers.image.revision"] = revision
	}
	if i.SourceURL != "" {
		labels["org.opencontainers.image.source"] = i.SourceURL
	}
	return labels
}

// version returns the version that git describes, or "dev", unless it is given.
func (i Images) version(ctx context.Context) string {
	if i.Version != "" {
		return i.Version
	}
	version, err := git(ctx, i.Root, "describe", "--tags", "--always", "--dirty")
	if err != nil {
		return "dev"
	}
	return strings.TrimPrefix(version, "v")
}

func git(ctx context.Context, root string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = root
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}
