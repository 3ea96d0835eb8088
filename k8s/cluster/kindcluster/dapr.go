package kindcluster

import (
	"context"
	"fmt"

	"helm.sh/helm/v4/pkg/chart/v2/loader"
)

const (
	daprRelease   = "dapr"
	daprNamespace = "dapr-system"
)

// daprValues sets up a control plane for one node: nothing of it has to survive
// the cluster, and no pod may start without the sidecar that it asks for.
func daprValues(images daprImages) map[string]any {
	return map[string]any{
		"global":         map[string]any{"registry": images.registry, "tag": images.tag},
		"dapr_scheduler": map[string]any{"cluster": map[string]any{"inMemoryStorage": true}},
		"dapr_placement": map[string]any{"cluster": map[string]any{"forceInMemoryLog": true}},
		"dapr_sidecar_injector": map[string]any{
			"webhookFailurePolicy":       "Fail",
			"sidecarDropALLCapabilities": true,
		},
	}
}

// installDapr installs the control plane from its chart, or upgrades it, and
// waits until all of it is ready.
func (c *Cluster) installDapr(ctx context.Context, images daprImages) error {
	if len(images.archives) > 0 {
		if err := c.LoadImages(ctx, "images of Dapr", images.archives...); err != nil {
			return err
		}
	}
	name := "Dapr " + images.tag
	return c.options.Step(ctx, name, func(ctx context.Context, progress func(string)) error {
		progress("installing " + name)
		loaded, err := loader.Load(images.chart)
		if err == nil {
			err = c.apply(ctx, release{
				name: daprRelease, namespace: daprNamespace, chart: loaded, values: daprValues(images),
			}, progress)
		}
		if err != nil {
			return fmt.Errorf("installing %s: %w", name, err)
		}
		return nil
	})
}
