package kindcluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/kind/pkg/cluster"

	"daca/k8s/cluster/host"
)

const readyTimeout = 3 * time.Minute

// create creates the cluster or resumes it, writes the kubeconfigs, and waits until
// the bare cluster is ready.
func (c *Cluster) create(ctx context.Context, facts host.Facts, image nodeImage) error {
	return c.options.Step(ctx, "cluster "+c.Name, func(ctx context.Context, progress func(string)) error {
		kind := c.options.kind(progress)
		found, err := exists(kind, c.Name)
		if err != nil {
			return err
		}
		if found {
			err = c.resume(ctx, kind, image.name)
		} else {
			err = c.createNew(kind, facts, image)
		}
		if err != nil {
			return err
		}
		const kubectls = "" // kubectl's own file, so that its current context is this cluster
		for _, path := range []string{kubectls, c.Kubeconfig} {
			if err := kind.ExportKubeConfig(c.Name, path, false); err != nil {
				return fmt.Errorf("writing the kubeconfig of cluster %s: %w", c.Name, err)
			}
		}
		ctx, cancel := context.WithTimeout(ctx, readyTimeout)
		defer cancel()
		return c.ready(ctx, progress)
	})
}

func (c *Cluster) createNew(kind *cluster.Provider, facts host.Facts, image nodeImage) error {
	config, err := c.options.config(facts, image)
	if err != nil {
		return err
	}
	err = kind.Create(c.Name, cluster.CreateWithV1Alpha4Config(config),
		cluster.CreateWithNodeImage(image.name), cluster.CreateWithRetain(false),
		cluster.CreateWithDisplayUsage(false), cluster.CreateWithDisplaySalutation(false))
	if err != nil {
		return fmt.Errorf("creating cluster %s: %w%s", c.Name, err, facts.Hint())
	}
	c.Created = true
	return nil
}

// resume starts the nodes of a cluster that exists, because they stop together
// with Docker. It fails if the cluster's nodes have another image. An empty image
// matches every image.
func (c *Cluster) resume(ctx context.Context, kind *cluster.Provider, image string) error {
	nodes, err := kind.ListInternalNodes(c.Name)
	if err != nil {
		return fmt.Errorf("listing the nodes of cluster %s: %w", c.Name, err)
	}
	for _, node := range nodes {
		inspect := exec.CommandContext(ctx, "docker", "inspect",
			"--format", "{{.Config.Image}} {{.State.Running}}", node.String())
		out, err := inspect.Output()
		if err != nil {
			return fmt.Errorf("inspecting node %s: %w", node, err)
		}
		found, running, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
		if image != "" && found != image {
			return fmt.Errorf("cluster %s runs %s, not %s; remove it first: make cluster-down", c.Name, found, image)
		}
		if running == "true" {
			continue
		}
		out, err = exec.CommandContext(ctx, "docker", "start", node.String()).CombinedOutput()
		if err != nil {
			return fmt.Errorf("starting node %s: %w: %s", node, err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}

// remove removes the cluster, if there is one, and its kubeconfig. If Docker does not
// answer, remove fails only if the kubeconfig shows that there may be a cluster.
func (o Options) remove(ctx context.Context, progress func(string)) error {
	kind := o.kind(progress)
	if err := exec.CommandContext(ctx, "docker", "info").Run(); err != nil {
		if _, absent := os.Stat(o.kubeconfig()); absent != nil {
			return nil //nolint:nilerr // no cluster was created
		}
		return fmt.Errorf("removing cluster %s: Docker, which may have it, does not answer: %w", o.Name, err)
	}
	if err := kind.Delete(o.Name, ""); err != nil {
		return fmt.Errorf("removing cluster %s: %w", o.Name, err)
	}
	if err := os.Remove(o.kubeconfig()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing the kubeconfig of cluster %s: %w", o.Name, err)
	}
	return nil
}

func exists(kind *cluster.Provider, name string) (bool, error) {
	names, err := kind.List()
	if err != nil {
		return false, fmt.Errorf("listing the clusters: %w", err)
	}
	return slices.Contains(names, name), nil
}
