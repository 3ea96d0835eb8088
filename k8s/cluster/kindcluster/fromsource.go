package kindcluster

import (
	"context"

	"daca/k8s/cluster/fromsource"
	"daca/k8s/cluster/pinned"
)

// fromSource provides images that this machine builds.
type fromSource struct {
	pins    pinned.Pins
	builder *fromsource.Builder
}

func (f fromSource) tools() []string {
	if f.builder.HasRootFS() && f.builder.HasRedis() {
		return nil
	}
	return []string{"debootstrap"}
}

func (f fromSource) node(ctx context.Context, step Step) (nodeImage, error) {
	node := nodeImage{fixedNetwork: true}
	if err := step(ctx, "programs of a node", f.builder.NodePrograms); err != nil {
		return node, err
	}
	if err := step(ctx, "file system of a node", f.builder.RootFS); err != nil {
		return node, err
	}
	err := step(ctx, "node image", func(ctx context.Context, progress func(string)) (err error) {
		node.name, err = f.builder.NodeImage(ctx, progress)
		return err
	})
	return node, err
}

func (f fromSource) dapr(ctx context.Context, step Step) (daprImages, error) {
	dapr := daprImages{registry: fromsource.DaprRegistry, tag: f.pins.DaprVersion()}
	if err := step(ctx, "programs of Dapr", f.builder.DaprPrograms); err != nil {
		return dapr, err
	}
	err := step(ctx, "images of Dapr", func(ctx context.Context, progress func(string)) (err error) {
		if dapr.chart, err = daprChart(ctx, f.pins); err != nil {
			return err
		}
		dapr.archives, err = f.builder.DaprImages(ctx, progress)
		return err
	})
	return dapr, err
}

func (f fromSource) redis(ctx context.Context, name string, progress func(string)) (string, error) {
	return f.builder.RedisImage(ctx, name, progress)
}
