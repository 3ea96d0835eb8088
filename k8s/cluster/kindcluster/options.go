package kindcluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"daca/k8s/cluster/host"
)

// DefaultName is the name of the cluster unless the options give another.
const DefaultName = "daca"

// Step runs a part of the work, and may show its progress and how long it took.
// It returns the error of work.
type Step func(ctx context.Context, name string, work func(ctx context.Context, progress func(string)) error) error

// Options say which cluster to bring up, and how. Root is the only one that has
// to be set.
type Options struct {
	Root   string // of the repository
	Name   string // empty: DefaultName
	Cache  string // directory for all that is built; empty: daca/cluster in the user's cache directory
	Origin Origin // empty: Published if registries answer, else FromSource
	Fresh  bool   // if Docker has to be started, remove a cluster that an interrupted run left in it
	Step   Step   // nil: run the work and show nothing
}

func (o Options) withDefaults() (Options, error) {
	if o.Name == "" {
		o.Name = DefaultName
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

func (o Options) kubeconfig() string { return filepath.Join(o.Cache, o.Name+".kubeconfig") }

func (o Options) docker(facts host.Facts) host.Docker {
	return host.Docker{Dir: o.Cache, Root: o.Root, Facts: facts}
}
