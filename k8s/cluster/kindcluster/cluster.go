// Package kindcluster brings up a kind cluster with Dapr, also where no
// container registry is in reach.
package kindcluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"daca/k8s/cluster/host"
)

// DefaultName is the name of the cluster unless the options give another.
const DefaultName = "daca"

// Step runs a part of the work, and may show its progress and its time. It
// returns the error of work.
type Step func(ctx context.Context, name string, work func(ctx context.Context, progress func(string)) error) error

// Options say which cluster to bring up. The zero value is usable inside the
// repository.
type Options struct {
	Name   string // DefaultName if empty
	Root   string // of the repository; found from the working directory if empty
	Cache  string // for all that is built; in the user's cache directory if empty
	Images Source // detected if empty
	CI     bool   // install Docker and debootstrap where they are missing, and start afresh
	Step   Step   // silent if nil
}

// Cluster is a cluster that is up.
type Cluster struct {
	Name       string
	Kubeconfig string            // a file with this cluster alone
	Images     Source            // where its images are from
	Created    bool              // now, rather than found
	digests    map[string]string // of the services' images, by service
	options    Options
	source     imageSource
}

// Create brings the cluster up, or up to date, with Dapr's control plane ready.
// The cluster is returned with an error too if it is there by then.
func Create(ctx context.Context, options Options) (*Cluster, error) {
	options, err := options.complete()
	if err != nil {
		return nil, err
	}
	facts, err := host.Detect("/")
	if err != nil {
		return nil, err
	}
	source, kind, err := options.source(ctx)
	if err != nil {
		return nil, err
	}
	title := "Docker"
	if facts != (host.Facts{}) {
		title += " (this host has " + facts.String() + ")"
	}
	err = options.Step(ctx, title, func(ctx context.Context, progress func(string)) error {
		started, err := options.docker(facts).Ensure(ctx, progress, source.tools()...)
		if err != nil && kind == Built {
			err = fmt.Errorf("%w\nCLUSTER_IMAGES=published pulls images instead of building them", err)
		}
		if err == nil && started && options.CI {
			progress("removing what an interrupted run may have left")
			err = options.remove(ctx, progress)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	node, err := source.node(ctx, options.Step)
	if err != nil {
		return nil, err
	}
	cluster := &Cluster{
		Name: options.Name, Kubeconfig: options.kubeconfig(), Images: kind,
		digests: map[string]string{}, options: options, source: source,
	}
	if err := cluster.create(ctx, facts, node); err != nil {
		return cluster, err
	}
	dapr, err := source.dapr(ctx, options.Step)
	if err != nil {
		return cluster, err
	}
	return cluster, cluster.installDapr(ctx, dapr)
}

// Down removes the cluster, and stops Docker if Create started it. What was built
// stays for the next time. It is no error if there is no cluster; it is one if
// that cannot be told.
func Down(ctx context.Context, options Options) error {
	options, err := options.complete()
	if err != nil {
		return err
	}
	err = options.Step(ctx, "cluster "+options.Name+" removed", options.remove)
	if err != nil {
		return err
	}
	return options.Step(ctx, "Docker left as it was found", func(ctx context.Context, progress func(string)) error {
		progress("stopping dockerd if it was started here")
		_, err := options.docker(host.Facts{}).Stop(ctx)
		return err
	})
}

func (o Options) complete() (Options, error) {
	if o.Name == "" {
		o.Name = DefaultName
	}
	if o.Root == "" {
		root, err := Root()
		if err != nil {
			return o, err
		}
		o.Root = root
	}
	if o.Cache == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return o, fmt.Errorf("looking for the cache directory: %w", err)
		}
		o.Cache = filepath.Join(cache, "daca", "cluster")
	}
	if o.Step == nil {
		o.Step = func(ctx context.Context, _ string, work func(context.Context, func(string)) error) error {
			return work(ctx, func(string) {})
		}
	}
	return o, nil
}

// Root returns the repository: the nearest directory above that holds this
// module.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("looking for the repository: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "k8s", "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("looking for the repository: not inside it")
		}
		dir = filepath.Dir(dir)
	}
}

func (o Options) kubeconfig() string { return filepath.Join(o.Cache, o.Name+".kubeconfig") }

func (o Options) docker(facts host.Facts) host.Docker {
	return host.Docker{Dir: o.Cache, Root: o.Root, Facts: facts, CI: o.CI}
}

// Find returns the cluster that is up, without looking at its state.
func Find(options Options) (*Cluster, error) {
	options, err := options.complete()
	if err != nil {
		return nil, err
	}
	there, err := exists(options.provider(func(string) {}), options.Name)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, fmt.Errorf("there is no cluster %s; `make cluster` creates it", options.Name)
	}
	return &Cluster{Name: options.Name, Kubeconfig: options.kubeconfig(), options: options}, nil
}
