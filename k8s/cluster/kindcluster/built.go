package kindcluster

import (
	"context"

	"daca/k8s/cluster/build"
)

// built makes the images on this machine.
type built struct{ builder *build.Builder }

func (b built) tools() []string {
	if b.builder.HasRootFS() && b.builder.HasRedis() {
		return nil
	}
	return []string{"debootstrap"}
}

func (b built) node(ctx context.Context, step Step) (nodeImage, error) {
	result := nodeImage{fixedNetwork: true}
	if err := step(ctx, "programs of a node", b.builder.NodePrograms); err != nil {
		return result, err
	}
	err := step(ctx, "file system of a node", func(ctx context.Context, progress func(string)) error {
		_, err := b.builder.RootFS(ctx, progress)
		return err
	})
	if err != nil {
		return result, err
	}
	err = step(ctx, "node image", func(ctx context.Context, progress func(string)) (err error) {
		result.name, err = b.builder.NodeImage(ctx, progress)
		return err
	})
	return result, err
}

func (b built) dapr(ctx context.Context, step Step) (daprImages, error) {
	result := daprImages{registry: build.DaprRegistry, tag: b.builder.DaprVersion()}
	if err := step(ctx, "programs of Dapr", b.builder.DaprPrograms); err != nil {
		return result, err
	}
	err := step(ctx, "images of Dapr", func(ctx context.Context, progress func(string)) (err error) {
		if result.chart, err = daprChart(ctx, b.builder); err != nil {
			return err
		}
		result.archives, err = b.builder.DaprImages(ctx, progress)
		return err
	})
	return result, err
}
