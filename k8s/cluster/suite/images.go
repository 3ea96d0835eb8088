// Package suite makes the container images of the suite, without a container
// engine and without a registry.
package suite

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"daca/k8s/cluster/image"
)

// Repository is what the names of the suite's images start with, as the charts
// have them; the name of the service follows.
const Repository = "docker.io/daca/"

// Service is a program of the suite that runs in a container.
type Service struct {
	Name    string // of the image, the chart's resources and the app id
	Package string // directory below services/
	Title   string
}

// Services lists the programs of the suite.
func Services() []Service {
	return []Service{
		{"chat-service", "chat", "DACA chat service"},
		{"analytics-service", "analytics", "DACA analytics service"},
		{"model", "model", "DACA offline model"},
	}
}

// Images makes images from the sources in the repository at Root.
type Images struct {
	Root    string // of the repository
	Dir     string // for programs and images
	Arch    string // as GOARCH has it; empty for that of this program
	Version string // stamped into the programs; empty to ask git
	Source  string // address of the sources, for the labels; may be empty
}

// Make compiles a service, puts it alone on an empty file system, and returns
// the file of the image, a docker archive. The image has the name ref. It runs
// as the user 65532 and needs to write nowhere. TLS roots and time zones are in
// the program.
func (i Images) Make(ctx context.Context, service Service, ref string) (string, error) {
	program, described, err := i.compile(ctx, service)
	if err != nil {
		return "", fmt.Errorf("making the image of %s: %w", service.Name, err)
	}
	described.Names = []string{ref}
	path := program + ".tar"
	return path, image.Write(path, described)
}

// compile compiles a service and describes the image of it.
func (i Images) compile(ctx context.Context, service Service) (string, image.Image, error) {
	version := i.Version
	if version == "" {
		version = describe(ctx, i.Root)
	}
	arch := i.Arch
	if arch == "" {
		arch = runtime.GOARCH
	}
	program := filepath.Join(i.Dir, arch, service.Name)
	err := Compile(ctx, i.Root, program, "./services/"+service.Package,
		[]string{"GOOS=linux", "GOARCH=" + arch}, "daca/services/internal/serve.version="+version)
	if err != nil {
		return "", image.Image{}, err
	}
	labels := map[string]string{
		"org.opencontainers.image.title":    service.Title,
		"org.opencontainers.image.version":  version,
		"org.opencontainers.image.licenses": "Apache-2.0",
	}
	if revision, err := git(ctx, i.Root, "rev-parse", "HEAD"); err == nil {
		labels["org.opencontainers.image.revision"] = revision
	}
	if i.Source != "" {
		labels["org.opencontainers.image.source"] = i.Source
	}
	return program, image.Image{
		Arch:       arch,
		Files:      []image.File{{Path: "/" + service.Name, Source: program, Mode: 0o755}},
		Entrypoint: []string{"/" + service.Name},
		User:       "65532:65532",
		Labels:     labels,
	}, nil
}

// Compile compiles a package of the module in dir to a static program. The
// variables are stamped, as name=value.
func Compile(ctx context.Context, dir, program, pkg string, env []string, variables ...string) error {
	flags := "-s -w"
	for _, variable := range variables {
		flags += " -X " + variable
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", "nomsgpack", "-ldflags", flags, "-o", program, pkg)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("compiling %s: %w\n%s", pkg, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// describe returns the version that git gives the sources, or "dev".
func describe(ctx context.Context, root string) string {
	version, err := git(ctx, root, "describe", "--tags", "--always", "--dirty")
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

// Tag returns the tag that the charts expect of the images: their appVersion.
func Tag(root string) (string, error) {
	path := filepath.Join(root, "charts", "daca", "Chart.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("looking up the version of the images: %w", err)
	}
	match := regexp.MustCompile(`(?m)^appVersion: "(.+)"$`).FindSubmatch(text)
	if match == nil {
		return "", fmt.Errorf("looking up the version of the images: %s has no appVersion", path)
	}
	return string(match[1]), nil
}
