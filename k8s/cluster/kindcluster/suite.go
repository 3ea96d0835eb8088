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

	"daca/k8s/charts"
	"daca/k8s/cluster/build"
	"daca/k8s/cluster/image"
	"daca/k8s/cluster/suite"
)

// Where Install puts the suite.
const (
	SuiteRelease   = "daca"
	SuiteNamespace = "daca"
)

// Images of Redis: as charts/daca/values-kind.yaml names it in the node, and as
// it is published. It is the default of charts/daca, a test holds that.
const (
	redisInNode    = suite.Repository + "redis:kind"
	redisPublished = "docker.io/library/redis:7.4-alpine"
)

// LoadSuite makes the images of the suite from the sources and loads them, and
// that of Redis, into the cluster, under the names that
// charts/daca/values-kind.yaml has.
func (c *Cluster) LoadSuite(ctx context.Context) error {
	tag, err := suite.Tag(c.options.Root)
	if err != nil {
		return err
	}
	var archives []string
	err = c.options.Step(ctx, "images of the services", func(ctx context.Context, progress func(string)) error {
		for _, service := range suite.Services() {
			progress("compiling " + service.Name)
			archive, err := c.options.suiteImages().Make(ctx, service, suite.Repository+service.Name+":"+tag)
			if err != nil {
				return err
			}
			archives = append(archives, archive)
			if c.digests[service.Name], err = digest(archive); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	redis, err := c.redis(ctx)
	if err != nil {
		return err
	}
	return c.LoadImages(ctx, "images of the suite", append(archives, redis)...)
}

// LoadRedis makes the image of Redis and loads it into the cluster.
func (c *Cluster) LoadRedis(ctx context.Context) error {
	archive, err := c.redis(ctx)
	if err != nil {
		return err
	}
	return c.LoadImages(ctx, "image of Redis", archive)
}

func (c *Cluster) redis(ctx context.Context) (archive string, err error) {
	err = c.options.Step(ctx, "image of Redis", func(ctx context.Context, progress func(string)) error {
		archive, err = c.source.redis(ctx, redisInNode, progress)
		return err
	})
	return archive, err
}

// GeneratorImage is the load generator of the end-to-end tests.
const GeneratorImage = suite.Repository + "load:e2e"

// LoadGenerator makes the load generator of the end-to-end tests and loads it
// into the cluster.
func (c *Cluster) LoadGenerator(ctx context.Context) error {
	var archive string
	err := c.options.Step(ctx, "image of the load generator", func(ctx context.Context, progress func(string)) error {
		progress("compiling the load generator")
		program := filepath.Join(c.options.Root, "bin", "images", "load")
		archive = program + ".tar"
		err := suite.Compile(ctx, filepath.Join(c.options.Root, "k8s"), program, "./e2e/load", []string{"GOOS=linux"})
		if err != nil {
			return err
		}
		return image.Write(archive, image.Image{
			Names:      []string{GeneratorImage},
			Files:      []image.File{{Path: "/load", Source: program, Mode: 0o755}},
			Entrypoint: []string{"/load"},
			User:       "65532:65532",
		})
	})
	if err != nil {
		return err
	}
	return c.LoadImages(ctx, "load generator", archive)
}

func (o Options) suiteImages() suite.Images {
	return suite.Images{Root: o.Root, Dir: filepath.Join(o.Root, "bin", "images")}
}

// Install installs the suite, or upgrades it, and waits until it is ready. Pod
// Security enforces its strictest level in the namespace.
func (c *Cluster) Install(ctx context.Context) error {
	return c.options.Step(ctx, "the suite, in namespace "+SuiteNamespace, func(ctx context.Context, progress func(string)) error {
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
			name: SuiteRelease, namespace: SuiteNamespace, restricted: true, chart: loaded, values: values,
		}, progress)
		if err != nil {
			return fmt.Errorf("installing the suite: %w", err)
		}
		return nil
	})
}

// annotate adds to the values what makes pods start anew with their images:
// those have the same names as the ones before.
func (c *Cluster) annotate(values map[string]any) {
	for key, service := range map[string]string{"chat": "chat-service", "analytics": "analytics-service", "offlineModel": "model"} {
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

func (b built) redis(ctx context.Context, name string, progress func(string)) (string, error) {
	return b.builder.RedisImage(ctx, name, progress)
}

// redis pulls the image, and gives it another name.
func (p published) redis(ctx context.Context, name string, progress func(string)) (string, error) {
	archive := filepath.Join(p.builder.Cache, strings.NewReplacer("/", "_", ":", "_").Replace(redisPublished)+".tar")
	if _, err := os.Stat(archive); err == nil {
		return archive, nil
	}
	progress("pulling " + redisPublished)
	return archive, image.Pull(ctx, redisPublished, archive, name)
}

// Tools builds helm and kubectl, at the versions that are pinned, into dir.
func (o Options) Tools(ctx context.Context, dir string) error {
	options, err := o.complete()
	if err != nil {
		return err
	}
	builder, err := build.New(options.Root, options.Cache)
	if err != nil {
		return err
	}
	return options.Step(ctx, "helm and kubectl", func(ctx context.Context, progress func(string)) error {
		return builder.Tools(ctx, dir, progress)
	})
}
