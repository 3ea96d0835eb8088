package kindcluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/kind/pkg/cluster/nodes"

	"daca/k8s/cluster/images"
	"daca/k8s/cluster/images/services"
	"daca/k8s/cluster/pinned"
)

const (
	// redisInNode is the image of Redis that charts/daca/values-kind.yaml has.
	redisInNode = services.Repository + "redis:kind"
	// generatorImage is the load generator that the end-to-end tests start.
	generatorImage = services.Repository + "load:e2e"
)

// LoadServices makes the images of the services and loads them into the cluster,
// under the names that the charts have.
func (c *Cluster) LoadServices(ctx context.Context) error {
	var archives []string
	err := c.options.Step(ctx, "images of the services", func(ctx context.Context, progress func(string)) error {
		made, err := services.Images{Root: c.options.Root, Dir: c.options.imageDir()}.Make(ctx, progress)
		if err != nil {
			return err
		}
		for i, service := range services.All() {
			if c.digests[service.Name], err = digest(made[i]); err != nil {
				return err
			}
		}
		archives = made
		return nil
	})
	if err != nil {
		return err
	}
	return c.LoadImages(ctx, "images of the services", archives...)
}

func digest(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return "sha256:" + hex.EncodeToString(hash.Sum(nil)), nil
}

// LoadRedis loads the image of Redis into the cluster. Only a cluster that Create
// has returned can do that.
func (c *Cluster) LoadRedis(ctx context.Context) error {
	var archive string
	err := c.options.Step(ctx, "image of Redis", func(ctx context.Context, progress func(string)) (err error) {
		archive, err = c.images.redis(ctx, redisInNode, progress)
		return err
	})
	if err != nil {
		return err
	}
	return c.LoadImages(ctx, "image of Redis", archive)
}

// LoadGenerator makes the image of the load generator, which the end-to-end tests
// need, and loads it into the cluster.
func (c *Cluster) LoadGenerator(ctx context.Context) error {
	program := filepath.Join(c.options.imageDir(), "load")
	archive := program + ".tar"
	err := c.options.Step(ctx, "image of the load generator", func(ctx context.Context, progress func(string)) error {
		progress("compiling the load generator")
		if err := pinned.CompileOwn(ctx, c.options.Root, "./e2e/load", program); err != nil {
			return err
		}
		return images.Write(archive, images.OfPrograms(generatorImage, images.File{Path: "/load", OnDisk: program}))
	})
	if err != nil {
		return err
	}
	return c.LoadImages(ctx, "image of the load generator", archive)
}

func (o Options) imageDir() string { return filepath.Join(o.Root, "bin", "images") }

// LoadImages loads image archives into the nodes of the cluster. It shows what as
// the name of the step.
func (c *Cluster) LoadImages(ctx context.Context, what string, archives ...string) error {
	return c.options.Step(ctx, what+" loaded", func(ctx context.Context, progress func(string)) error {
		nodes, err := c.options.kind(progress).ListInternalNodes(c.Name)
		if err != nil {
			return fmt.Errorf("listing the nodes of cluster %s: %w", c.Name, err)
		}
		if len(nodes) == 0 {
			return noCluster(c.Name)
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
