// Package kindcluster brings up a kind cluster with Dapr and the suite.
//
// Create asks registries whether they answer. If they do, kind and the cluster
// pull published images (published.go). Otherwise this machine builds the images
// (fromsource.go). All other files serve both cases.
package kindcluster

import (
	"context"
	"fmt"
	"os"

	"daca/k8s/cluster/host"
)

// Cluster is a cluster that is up.
type Cluster struct {
	Name       string
	Kubeconfig string            // path of a file that has this cluster alone
	Origin     Origin            // of its images
	Created    bool              // by this process; false if it was there before
	digests    map[string]string // of the services' images, by service
	options    Options
	images     imageProvider
}

// Create creates the cluster, or brings one that exists up to date, and waits
// until Dapr's control plane is ready. If Create fails after the cluster was
// created, it returns both the cluster and an error.
func Create(ctx context.Context, options Options) (*Cluster, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(options.Cache, 0o755); err != nil {
		return nil, fmt.Errorf("making the cache of the cluster: %w", err)
	}
	facts, err := host.Detect("/")
	if err != nil {
		return nil, err
	}
	origin, err := options.origin(ctx)
	if err != nil {
		return nil, err
	}
	images, err := options.images(origin)
	if err != nil {
		return nil, err
	}
	if err := options.ensureDocker(ctx, facts, origin, images.tools()); err != nil {
		return nil, err
	}
	node, err := images.node(ctx, options.Step)
	if err != nil {
		return nil, err
	}
	cluster := &Cluster{
		Name: options.Name, Kubeconfig: options.kubeconfig(), Origin: origin,
		digests: map[string]string{}, options: options, images: images,
	}
	if err := cluster.create(ctx, facts, node); err != nil {
		return cluster, err
	}
	dapr, err := images.dapr(ctx, options.Step)
	if err != nil {
		return cluster, err
	}
	return cluster, cluster.installDapr(ctx, dapr)
}

// ensureDocker waits until Docker answers, and starts it if need be.
func (o Options) ensureDocker(ctx context.Context, facts host.Facts, origin Origin, tools []string) error {
	title := "Docker"
	if facts != (host.Facts{}) {
		title += " (this host has " + facts.String() + ")"
	}
	return o.Step(ctx, title, func(ctx context.Context, progress func(string)) error {
		started, err := o.docker(facts).Ensure(ctx, progress, tools...)
		if err != nil && origin == FromSource {
			return fmt.Errorf("%w\nCLUSTER_IMAGES=published pulls images instead of building them", err)
		}
		if err == nil && started && o.Fresh {
			progress("removing what an interrupted run may have left")
			return o.remove(ctx, progress)
		}
		return err
	})
}

// Find returns a cluster that exists. It does not look at the cluster's state.
func Find(options Options) (*Cluster, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	found, err := exists(options.kind(func(string) {}), options.Name)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, noCluster(options.Name)
	}
	return &Cluster{Name: options.Name, Kubeconfig: options.kubeconfig(), options: options}, nil
}

func noCluster(name string) error {
	return fmt.Errorf("there is no cluster %s; `make cluster` creates it", name)
}

// Down removes the cluster, and stops Docker if Create started it. The cache stays
// for the next time. It is no error if there is no cluster, but it is one if Down
// cannot find out.
func Down(ctx context.Context, options Options) error {
	options, err := options.withDefaults()
	if err != nil {
		return err
	}
	err = options.Step(ctx, "cluster "+options.Name+" removed", options.remove)
	if err != nil {
		return err
	}
	return options.Step(ctx, "Docker left as it was found", func(ctx context.Context, progress func(string)) error {
		progress("stopping dockerd if this program started it")
		_, err := options.docker(host.Facts{}).Stop(ctx)
		return err
	})
}
