package kindcluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/kind/pkg/cluster"
	"sigs.k8s.io/kind/pkg/cluster/nodes"

	"daca/k8s/cluster/host"
)

const readyTimeout = 3 * time.Minute

func (c *Cluster) create(ctx context.Context, facts host.Facts, image nodeImage) error {
	return c.options.Step(ctx, "cluster "+c.Name, func(ctx context.Context, progress func(string)) error {
		provider := c.options.provider(progress)
		there, err := exists(provider, c.Name)
		if err != nil {
			return err
		}
		if there {
			if err := c.resume(ctx, provider, image.name); err != nil {
				return err
			}
		} else {
			config, err := c.options.config(facts, image)
			if err != nil {
				return err
			}
			if err := provider.Create(c.Name, cluster.CreateWithV1Alpha4Config(config),
				cluster.CreateWithNodeImage(image.name), cluster.CreateWithRetain(false),
				cluster.CreateWithDisplayUsage(false), cluster.CreateWithDisplaySalutation(false)); err != nil {
				return fmt.Errorf("creating cluster %s: %w%s", c.Name, err, facts.Hint())
			}
			c.Created = true
		}
		// The first is kubectl's own, so that its context is this cluster.
		if err := provider.ExportKubeConfig(c.Name, "", false); err != nil {
			return fmt.Errorf("writing the kubeconfig of cluster %s: %w", c.Name, err)
		}
		if err := provider.ExportKubeConfig(c.Name, c.Kubeconfig, false); err != nil {
			return fmt.Errorf("writing the kubeconfig of cluster %s: %w", c.Name, err)
		}
		ctx, cancel := context.WithTimeout(ctx, readyTimeout)
		defer cancel()
		return c.ready(ctx, progress)
	})
}

// resume starts the nodes of a cluster that is there, as they are stopped with
// Docker. It fails if the cluster was made of another node image.
func (c *Cluster) resume(ctx context.Context, provider *cluster.Provider, image string) error {
	nodes, err := provider.ListInternalNodes(c.Name)
	if err != nil {
		return fmt.Errorf("listing the nodes of cluster %s: %w", c.Name, err)
	}
	for _, node := range nodes {
		out, err := exec.CommandContext(ctx, "docker", "inspect", "--format", "{{.Config.Image}} {{.State.Running}}", node.String()).Output()
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
		if out, err := exec.CommandContext(ctx, "docker", "start", node.String()).CombinedOutput(); err != nil {
			return fmt.Errorf("starting node %s: %w: %s", node, err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}

func (o Options) remove(ctx context.Context, progress func(string)) error {
	provider := o.provider(progress)
	if err := exec.CommandContext(ctx, "docker", "info").Run(); err != nil {
		if _, there := os.Stat(o.kubeconfig()); there != nil {
			return nil //nolint:nilerr // none was created
		}
		return fmt.Errorf("removing cluster %s: Docker does not answer, and may have it: %w", o.Name, err)
	}
	if err := provider.Delete(o.Name, ""); err != nil {
		return fmt.Errorf("removing cluster %s: %w", o.Name, err)
	}
	if err := os.Remove(o.kubeconfig()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing the kubeconfig of cluster %s: %w", o.Name, err)
	}
	return nil
}

// LoadImages loads image archives into the cluster. What they are is shown.
func (c *Cluster) LoadImages(ctx context.Context, what string, archives ...string) error {
	return c.options.Step(ctx, what+" loaded", func(ctx context.Context, progress func(string)) error {
		nodes, err := c.options.provider(progress).ListInternalNodes(c.Name)
		if err != nil {
			return fmt.Errorf("listing the nodes of cluster %s: %w", c.Name, err)
		}
		if len(nodes) == 0 {
			return fmt.Errorf("there is no cluster %s; `make cluster` creates it", c.Name)
		}
		for _, archive := range archives {
			progress("loading " + filepath.Base(archive))
			for _, node := range nodes {
				if err := load(ctx, node, archive); err != nil {
					return fmt.Errorf("loading %s into node %s: %w", archive, node, err)
				}
			}
		}
		return nil
	})
}

func load(ctx context.Context, node nodes.Node, archive string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	var stderr strings.Builder
	err = node.CommandContext(ctx, "ctr", "--namespace=k8s.io", "images", "import", "--all-platforms",
		"--snapshotter=overlayfs", "-").SetStdin(file).SetStderr(&stderr).Run()
	if err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return nil
}

func exists(provider *cluster.Provider, name string) (bool, error) {
	names, err := provider.List()
	if err != nil {
		return false, fmt.Errorf("listing the clusters: %w", err)
	}
	return slices.Contains(names, name), nil
}
