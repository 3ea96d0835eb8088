package kindcluster

import (
	"context"

	"daca/k8s/cluster/build"
)

// published leaves it to Docker and to the node to pull the images that kind
// and Dapr publish, at the versions that are pinned here.
type published struct{ builder *build.Builder }

func (p published) tools() []string { return nil }

func (p published) node(context.Context, Step) (nodeImage, error) { return nodeImage{}, nil }

func (p published) dapr(ctx context.Context, _ Step) (daprImages, error) {
	dir, err := daprChart(ctx, p.builder)
	return daprImages{registry: "ghcr.io/dapr", tag: p.builder.DaprVersion(), chart: dir}, err
}
