package fromsource

import (
	"path/filepath"
	"strings"

	"daca/k8s/cluster/images"
)

// imageDir is the directory of the images that are made with this code.
func (b *Builder) imageDir() string { return filepath.Join(b.dir, "images-"+b.recipe) }

// imageFiles returns the paths at which the cache keeps the images.
func (b *Builder) imageFiles(described []images.Image) []string {
	var paths []string
	for _, image := range described {
		name := strings.NewReplacer("/", "_", ":", "_").Replace(image.Names[0])
		paths = append(paths, filepath.Join(b.imageDir(), name+".tar"))
	}
	return paths
}

// write writes those of the images that the cache does not have.
func (b *Builder) write(described []images.Image, progress func(string)) error {
	for i, path := range b.imageFiles(described) {
		if exists(path) {
			continue
		}
		progress("image " + described[i].Names[0])
		if err := images.Write(path, described[i]); err != nil {
			return err
		}
	}
	return nil
}
