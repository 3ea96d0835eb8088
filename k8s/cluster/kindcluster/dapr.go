package kindcluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"helm.sh/helm/v4/pkg/action"
	chartloader "helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/cli"
	"helm.sh/helm/v4/pkg/kube"
	"helm.sh/helm/v4/pkg/storage/driver"
)

const (
	daprRelease   = "dapr"
	daprNamespace = "dapr-system"
	daprTimeout   = 5 * time.Minute
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
		if err := c.LoadImages(ctx, images.archives...); err != nil {
			return err
		}
	}
	name := "Dapr " + images.tag
	return c.options.Step(ctx, name, func(ctx context.Context, progress func(string)) error {
		progress("installing " + name)
		if err := c.applyDapr(ctx, images); err != nil {
			return fmt.Errorf("installing %s: %w", name, err)
		}
		return nil
	})
}

func (c *Cluster) applyDapr(ctx context.Context, images daprImages) error {
	chart, err := chartloader.Load(images.chart)
	if err != nil {
		return err
	}
	settings := cli.New()
	settings.KubeConfig, settings.KubeContext = c.Kubeconfig, ""
	settings.SetNamespace(daprNamespace)
	config := action.NewConfiguration(action.ConfigurationSetLogger(slog.DiscardHandler))
	if err := config.Init(settings.RESTClientGetter(), daprNamespace, "secret"); err != nil {
		return err
	}
	_, err = action.NewGet(config).Run(daprRelease)
	switch {
	case errors.Is(err, driver.ErrReleaseNotFound):
		install := action.NewInstall(config)
		install.ReleaseName, install.Namespace, install.CreateNamespace = daprRelease, daprNamespace, true
		install.WaitStrategy, install.Timeout = kube.StatusWatcherStrategy, daprTimeout
		_, err = install.RunWithContext(ctx, chart, daprValues(images))
	case err == nil:
		upgrade := action.NewUpgrade(config)
		upgrade.Namespace = daprNamespace
		upgrade.WaitStrategy, upgrade.Timeout = kube.StatusWatcherStrategy, daprTimeout
		_, err = upgrade.RunWithContext(ctx, daprRelease, chart, daprValues(images))
	}
	return err
}
