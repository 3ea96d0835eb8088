package services

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"daca/k8s/cluster/images"
)

// Images makes images from the sources in the repository at Root.
type Images struct {
	Root      string // of the repository
	Dir       string // for programs and images
	Arch      string // a GOARCH; empty: that of this program
	Version   string // for the programs and the labels; empty: what git describes
	SourceURL string // where the sources are published, for the labels; may be empty
}

// Make compiles a service and writes an image called ref of it. It returns the
// image's file, a docker archive. The image has nothing but the program, which
// contains TLS roots and time zones.
func (i Images) Make(ctx context.Context, service Service, ref string) (string, error) {
	program, err := i.compile(ctx, service)
	if err != nil {
		return "", fmt.Errorf("making the image of %s: %w", service.Name, err)
	}
	path := program + ".tar"
	return path, images.Write(path, i.describe(ctx, service, program, ref))
}

// compile compiles a service and returns the path of the program.
func (i Images) compile(ctx context.Context, service Service) (string, error) {
	arch := cmp.Or(i.Arch, runtime.GOARCH)
	program := filepath.Join(i.Dir, arch, service.Name)
	flags := "-s -w -X daca/services/internal/serve.version=" + i.version(ctx)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", "nomsgpack",
		"-ldflags", flags, "-o", program, "./services/"+service.Folder)
	cmd.Dir = i.Root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compiling services/%s: %w\n%s", service.Folder, err, strings.TrimSpace(string(out)))
	}
	return program, nil
}

// describe describes an image called ref of a service that is compiled.
func (i Images) describe(ctx context.Context, service Service, program, ref string) images.Image {
	image := images.OfPrograms(ref, images.File{Path: "/" + service.Name, OnDisk: program})
	image.Arch = i.Arch
	image.Labels = map[string]string{
		"org.opencontainers.image.title":    service.Title,
		"org.opencontainers.image.version":  i.version(ctx),
		"org.opencontainers.image.licenses": "Apache-2.0",
	}
	if revision, err := git(ctx, i.Root, "rev-parse", "HEAD"); err == nil {
		image.Labels["org.opencontainers.image.revision"] = revision
	}
	if i.SourceURL != "" {
		image.Labels["org.opencontainers.image.source"] = i.SourceURL
	}
	return image
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
