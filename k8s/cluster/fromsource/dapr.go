package fromsource

import (
	"context"

	"daca/k8s/cluster/images"
	"daca/k8s/cluster/pinned"
)

// DaprRegistry is what the names of Dapr's images start with. No registry has
// them, so they must be loaded into the cluster.
const DaprRegistry = "daca.local/dapr"

// DaprImages makes the images of the sidecar and of the control plane from what
// DaprPrograms has compiled. It returns their files.
func (b *Builder) DaprImages(ctx context.Context, progress func(string)) ([]string, error) {
	var described []images.Image
	for _, name := range pinned.DaprPrograms() {
		described = append(described, images.Image{
			Names:      []string{DaprRegistry + "/" + name + ":" + b.pins.DaprVersion()},
			Files:      []images.File{{Path: "/" + name, OnDisk: b.program(name), Mode: 0o755}},
			Entrypoint: []string{"/" + name},
			User:       "65532",
		})
	}
	paths := b.imageFiles(described)
	err := b.once(ctx, progress, there(paths...), func() error { return b.write(described, progress) })
	return paths, err
}
