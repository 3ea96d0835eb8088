package kindcluster

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"time"

	"daca/k8s/cluster/build"
)

// Source says where the images of the node and of Dapr come from.
type Source string

// The sources.
const (
	Published Source = "published" // pulled from registries
	Built     Source = "built"     // from Go modules and Debian packages
)

// Description says it in words.
func (s Source) Description() string {
	if s == Published {
		return "pulled from registries"
	}
	return "built on this machine"
}

const registryTimeout = 3 * time.Second

// nodeImage is what a source provides of a node.
type nodeImage struct {
	name         string // empty for the one that kind pins
	fixedNetwork bool   // the node brings its network
}

// daprImages is what a source provides of Dapr.
type daprImages struct {
	registry, tag string   // of the control plane and the sidecar
	archives      []string // to be loaded into the node, if there are any
	chart         string   // directory
}

type imageSource interface {
	tools() []string // that have to be installed
	node(ctx context.Context, step Step) (nodeImage, error)
	dapr(ctx context.Context, step Step) (daprImages, error)
	redis(ctx context.Context, name string, progress func(string)) (archive string, err error)
}

// source returns the source that was asked for, or the one that is possible.
func (o Options) source(ctx context.Context) (imageSource, Source, error) {
	kind, why := o.Images, "as CLUSTER_IMAGES says"
	if kind == "" {
		kind, why = detect(ctx, http.DefaultClient, "https://registry-1.docker.io/v2/", "https://ghcr.io/v2/")
	}
	if kind == Built && runtime.GOOS != "linux" {
		return nil, "", fmt.Errorf("images can be built on Linux only, and are not to be pulled (%s)", why)
	}
	err := o.Step(ctx, "images are "+kind.Description()+": "+why, func(context.Context, func(string)) error { return nil })
	if err != nil {
		return nil, "", err
	}
	builder, err := build.New(o.Root, o.Cache)
	if err != nil {
		return nil, "", err
	}
	switch kind {
	case Published:
		return published{builder}, kind, nil
	case Built:
		return built{builder}, kind, nil
	}
	return nil, "", fmt.Errorf("no such source of images: %q; there are %q and %q", kind, Published, Built)
}

// detect returns Published if all the registries answer as registries do, and
// what its answer is based on.
func detect(ctx context.Context, client *http.Client, registries ...string) (Source, string) {
	ctx, cancel := context.WithTimeout(ctx, registryTimeout)
	defer cancel()
	for _, url := range registries {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return Built, err.Error()
		}
		response, err := client.Do(request)
		if err != nil {
			return Built, url + " does not answer"
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusUnauthorized {
			return Built, url + " answers " + response.Status
		}
	}
	return Published, "registries answer"
}

// daprChart returns the directory of Dapr's chart, which its module has.
func daprChart(ctx context.Context, builder *build.Builder) (string, error) {
	dir, err := builder.ModuleDir(ctx, build.Dapr)
	return dir + "/charts/dapr", err
}
