// Package images writes, pulls and pushes container images without a container
// engine. An image consists of files on an empty file system, or over a base that
// is a tar file.
package images

import (
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Image describes an image of one platform.
type Image struct {
	Names      []string // with registry and tag, such as docker.io/daca/model:1.0.0
	Arch       string   // a GOARCH; empty: that of this program
	Base       string   // path of a tar file with a root file system; empty: none
	Files      []File
	Entrypoint []string
	User       string
	Env        []string
	Labels     map[string]string
	StopSignal string
}

// Write writes the image to path as a docker archive, which `docker load`,
// `kind load` and `ctr images import` read. The file appears whole or not at all.
// Images with the same content have the same digest.
func Write(path string, image Image) error {
	failed := func(err error) error { return fmt.Errorf("writing image %s: %w", path, err) }
	if len(image.Names) == 0 {
		return failed(errors.New("it has no name"))
	}
	built, err := assemble(image)
	if err != nil {
		return failed(err)
	}
	tags := map[name.Tag]v1.Image{}
	for _, text := range image.Names {
		tag, err := name.NewTag(text, name.StrictValidation)
		if err != nil {
			return failed(err)
		}
		tags[tag] = built
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return failed(err)
	}
	unfinished := path + ".unfinished"
	if err := tarball.MultiWriteToFile(unfinished, tags); err != nil {
		return failed(err)
	}
	if err := os.Rename(unfinished, path); err != nil {
		return failed(err)
	}
	return nil
}

// assemble builds the image. It does not use its names.
func assemble(image Image) (v1.Image, error) {
	var layers []v1.Layer
	fast := []tarball.LayerOption{tarball.WithCompressionLevel(gzip.BestSpeed), tarball.WithCompressedCaching}
	if image.Base != "" {
		base, err := tarball.LayerFromFile(image.Base, fast...)
		if err != nil {
			return nil, fmt.Errorf("reading the base %s: %w", image.Base, err)
		}
		layers = append(layers, base)
	}
	if len(image.Files) > 0 {
		files, err := tarball.LayerFromOpener(opener(image.Files), fast...)
		if err != nil {
			return nil, err
		}
		layers = append(layers, files)
	}
	built, err := mutate.AppendLayers(empty.Image, layers...)
	if err != nil {
		return nil, err
	}
	config, err := built.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS = "linux"
	config.Architecture = cmp.Or(image.Arch, runtime.GOARCH)
	config.Config.Entrypoint = image.Entrypoint
	config.Config.User = image.User
	config.Config.Labels = image.Labels
	config.Config.StopSignal = image.StopSignal
	config.Config.Env = append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, image.Env...)
	return mutate.ConfigFile(built, config)
}
