package kindcluster

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"daca/k8s/cluster/images"
	"daca/k8s/cluster/pinned"
)

// redisPublished is the image of Redis that charts/daca has by default.
const redisPublished = "docker.io/library/redis:7.4-alpine"

// published provides the images that kind, Dapr and Redis publish. Docker and the
// node pull the first two themselves.
type published struct {
	pins  pinned.Pins
	cache string
}

func (p published) tools() []string { return nil }

func (p published) node(context.Context, Step) (nodeImage, error) { return nodeImage{}, nil }

func (p published) dapr(ctx context.Context, _ Step) (daprImages, error) {
	chart, err := daprChart(ctx, p.pins)
	return daprImages{registry: "ghcr.io/dapr", tag: p.pins.DaprVersion(), chart: chart}, err
}

// redis pulls the image, unless the cache has it. In the archive it is called name.
func (p published) redis(ctx context.Context, name string, progress func(string)) (string, error) {
	archive := filepath.Join(p.cache, strings.NewReplacer("/", "_", ":", "_").Replace(redisPublished)+".tar")
	if _, err := os.Stat(archive); err == nil {
		return archive, nil
	}
	progress("pulling " + redisPublished)
	return archive, images.Pull(ctx, redisPublished, archive, name)
}
