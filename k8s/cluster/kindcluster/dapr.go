package kindcluster

import (
	"context"
	"fmt"
	"path/filepath"

	"helm.sh/helm/v4/pkg/chart/v2/loader"
)

const (
	daprRelease   = "dapr"
	daprNamespace = "dapr-system"
)

// daprValues returns the values for Dapr's chart: those of charts/dapr-values.yaml,
// the images, and settings for a control plane that keeps everything in memory,
// because none of it has to outlive the cluster.
func daprValues(root string, images daprImages) (map[string]any, error) {
	values, err := readValues(filepath.Join(root, "charts", "dapr-values.yaml"))
	if err != nil {
		return nil, err
	}
	values["global"] = map[string]any{"registry": images.registry, "tag": images.tag}
	values["dapr_scheduler"] = map[string]any{"cluster": map[string]any{"inMemoryStorage": true}}
	values["dapr_placement"] = map[string]any{"cluster": map[string]any{"forceInMemoryLog": true}}
	return values, nil
}

// installDapr installs Dapr's control plane from its chart, or upgrades it, and
// waits until it is ready.
func (c *Cluster) installDapr(ctx context.Context, images daprImages) error {
	if len(images.archives) > 0 {
		if err := c.LoadImages(ctx, "images of Dapr", images.archives...); err != nil {
			return err
		}
	}
	name := "Dapr " + images.tag
	return c.options.Step(ctx, name, func(ctx context.Context, progress func(string)) error {
		progress("installing " + name)
		values, err := daprValues(c.options.Root, images)
		if err != nil {
			return err
		}
		loaded, err := loader.Load(images.chart)
		if err == nil {
			dapr := release{name: daprRelease, namespace: daprNamespace, chart: loaded, values: values}
			err = c.apply(ctx, dapr, progress)
		}
		if err != nil {
			return fmt.Errorf("installing %s: %w", name, err)
		}
		return nil
	})
}
