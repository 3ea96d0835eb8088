package kindcluster

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"runtime"
	"time"

	"daca/k8s/cluster/fromsource"
	"daca/k8s/cluster/pinned"
)

const registryTimeout = 3 * time.Second

// Origin says where the images of the node, of Dapr and of Redis come from. Its
// values are those of CLUSTER_IMAGES.
type Origin string

// The origins.
const (
	Published  Origin = "published" // pulled from registries
	FromSource Origin = "built"     // built from Go modules and Debian packages
)

// Description completes the sentence "the images are …".
func (o Origin) Description() string {
	if o == Published {
		return "pulled from registries"
	}
	return "built on this machine"
}

// imageProvider provides the images of one origin.
type imageProvider interface {
	tools() []string // programs that have to be installed
	node(ctx context.Context, step Step) (nodeImage, error)
	dapr(ctx context.Context, step Step) (daprImages, error)
	redis(ctx context.Context, name string, progress func(string)) (archive string, err error)
}

// nodeImage is the image of the cluster's node.
type nodeImage struct {
	name         string // empty: the one that kind pins
	fixedNetwork bool   // the image contains the pods' network
}

// daprImages are Dapr's images, and the chart that goes with them.
type daprImages struct {
	registry string // what the images' names start with
	tag      string
	archives []string // files to load into the node; none if it pulls the images
	chart    string   // directory
}

// origin returns the origin that the options ask for, or else the one that is
// possible, and shows it as a step.
func (o Options) origin(ctx context.Context) (Origin, error) {
	origin := o.Origin
	why := "as CLUSTER_IMAGES says"
	switch origin {
	case "":
		origin, why = detect(ctx, http.DefaultClient, "https://registry-1.docker.io/v2/", "https://ghcr.io/v2/")
	case Published, FromSource:
	default:
		return "", fmt.Errorf("CLUSTER_IMAGES is %q, not %q or %q", origin, Published, FromSource)
	}
	if origin == FromSource && runtime.GOOS != "linux" {
		return "", fmt.Errorf("this machine has to build the images (%s), which only Linux can", why)
	}
	nothing := func(context.Context, func(string)) error { return nil }
	return origin, o.Step(ctx, "images are "+origin.Description()+": "+why, nothing)
}

// detect returns Published if all the registries answer as registries do, and
// otherwise FromSource. It also returns the reason.
func detect(ctx context.Context, client *http.Client, registries ...string) (Origin, string) {
	ctx, cancel := context.WithTimeout(ctx, registryTimeout)
	defer cancel()
	for _, url := range registries {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return FromSource, err.Error()
		}
		response, err := client.Do(request)
		if err != nil {
			return FromSource, url + " does not answer"
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusUnauthorized {
			return FromSource, url + " answers " + response.Status
		}
	}
	return Published, "registries answer"
}

// images returns the provider of the images of that origin.
func (o Options) images(origin Origin) (imageProvider, error) {
	pins, err := pinned.Read(o.Root)
	if err != nil {
		return nil, err
	}
	if origin == Published {
		return published{pins: pins, cache: o.Cache}, nil
	}
	builder, err := fromsource.New(pins, o.Cache)
	return fromSource{pins: pins, builder: builder}, err
}

// daprChart returns the directory of Dapr's chart, which is in Dapr's source.
func daprChart(ctx context.Context, pins pinned.Pins) (string, error) {
	dir, err := pins.SourceDir(ctx, pinned.Dapr)
	return filepath.Join(dir, "charts", "dapr"), err
}
