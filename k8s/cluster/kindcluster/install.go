package kindcluster

import (
	"context"
	"fmt"
	"path/filepath"

	"daca/k8s/charts"
)

const (
	// Namespace is where Install installs the suite.
	Namespace = "daca"

	releaseName = "daca"
)

// Install installs the suite from charts/daca, or upgrades it, and waits until it
// is ready. Pod Security enforces its strictest level in the namespace.
func (c *Cluster) Install(ctx context.Context) error {
	title := "the suite, in namespace " + Namespace
	return c.options.Step(ctx, title, func(ctx context.Context, progress func(string)) error {
		dir := filepath.Join(c.options.Root, "charts")
		loaded, err := charts.Load(dir, "daca")
		if err != nil {
			return err
		}
		values, err := readValues(filepath.Join(dir, "daca", "values-kind.yaml"))
		if err != nil {
			return err
		}
		c.annotate(values)
		err = c.apply(ctx, release{
			name: releaseName, namespace: Namespace, restricted: true, chart: loaded, values: values,
		}, progress)
		if err != nil {
			return fmt.Errorf("installing the suite: %w", err)
		}
		return nil
	})
}

// annotate adds the digests of the images to the annotations of the pods. The
// images keep their names when they change, so only another annotation makes
// Kubernetes replace the pods.
func (c *Cluster) annotate(values map[string]any) {
	for key, service := range map[string]string{
		"chat": "chat-service", "analytics": "analytics-service", "offlineModel": "model",
	} {
		of, ok := values[key].(map[string]any)
		if !ok {
			of = map[string]any{}
			values[key] = of
		}
		if c.digests[service] != "" {
			of["podAnnotations"] = map[string]any{"daca.local/image": c.digests[service]}
		}
	}
}
