// Cluster brings up the kind cluster on which people try the suite and the
// end-to-end tests run. README.md says which packages you may skip.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"daca/k8s/cluster/images/services"
	"daca/k8s/cluster/kindcluster"
	"daca/k8s/cluster/pinned"
	"daca/services/local/repository"
	"daca/services/local/steps"
)

const usage = `usage: cluster COMMAND

  up                       a kind cluster with Dapr and the suite
  create                   a kind cluster with Dapr and the image of Redis
  e2e [GO-TEST-FLAG...]    run the end-to-end tests on that cluster
  wrap REF /PATH=FILE...   make an image called REF of programs and load it
  load IMAGE-TAR...        load images into the cluster
  push REGISTRY            build the services' images for amd64 and arm64 and push them
  tools                    build helm and kubectl into bin/
  down                     delete the cluster; stop Docker if this program started it

environment:

  CLUSTER_IMAGES   "published" pulls the images of Kubernetes, Dapr and Redis from
                   registries, "built" builds them; default: detected by asking
                   the registries
  CLUSTER_NAME     name of the cluster; default: ` + kindcluster.DefaultName + `
  E2E_KEEP=1       keep a cluster that e2e created
  IMAGE_SOURCE     URL of the sources, for a label of pushed images`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	root, err := repository.Root(".")
	if err != nil {
		return err
	}
	options := kindcluster.Options{
		Root:   root,
		Name:   getenv("CLUSTER_NAME"),
		Origin: kindcluster.Origin(getenv("CLUSTER_IMAGES")),
		Fresh:  getenv("CI") == "true",
		Step:   steps.New(stdout).Step,
	}
	given := strings.Join(args, " ")
	var command string
	if len(args) > 0 {
		command = args[0]
		args = args[1:]
	}
	switch {
	case command == "up" && len(args) == 0:
		return up(ctx, options, stdout)
	case command == "create" && len(args) == 0:
		cluster, err := kindcluster.Create(ctx, options)
		if err != nil {
			return err
		}
		return cluster.LoadRedis(ctx)
	case command == "e2e":
		return e2e(ctx, options, args, getenv("E2E_KEEP") != "", stdout)
	case command == "wrap" && len(args) > 1:
		return wrap(ctx, options, args[0], args[1:]...)
	case command == "load" && len(args) > 0:
		cluster, err := kindcluster.Find(options)
		if err != nil {
			return err
		}
		return cluster.LoadImages(ctx, "images", args...)
	case command == "push" && len(args) == 1:
		return push(ctx, options, args[0], getenv("IMAGE_SOURCE"), stdout)
	case command == "tools" && len(args) == 0:
		return tools(ctx, options, filepath.Join(root, "bin"))
	case command == "down" && len(args) == 0:
		return kindcluster.Down(ctx, options)
	}
	_, _ = fmt.Fprintln(stdout, usage)
	return fmt.Errorf("unknown command: %q", given)
}

func up(ctx context.Context, options kindcluster.Options, stdout io.Writer) error {
	cluster, err := kindcluster.Create(ctx, options)
	if err != nil {
		return err
	}
	if err := cluster.LoadServices(ctx); err != nil {
		return err
	}
	if err := cluster.LoadRedis(ctx); err != nil {
		return err
	}
	if err := cluster.Install(ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, `
The suite runs in the namespace %[1]s of the kind cluster %[2]s. The cluster's images
were %[3]s. kubectl's current context is kind-%[2]s.
To try the suite, forward its ports in two terminals:

  kubectl -n %[1]s port-forward svc/chat-service 8000:8000
  kubectl -n %[1]s port-forward svc/analytics-service 8001:8001

and send a message in a third:

  curl -s localhost:8000/chat/ -H 'Content-Type: application/json' \
    -d '{"user_id": "alice", "text": "Hello, how are you?"}'
  curl -s localhost:8001/analytics/alice

make tools builds kubectl and helm into bin/; make cluster-down removes the cluster.
`, kindcluster.Namespace, cluster.Name, cluster.Origin.Description())
	return err
}

// tools builds helm and kubectl into dir.
func tools(ctx context.Context, options kindcluster.Options, dir string) error {
	pins, err := pinned.Read(options.Root)
	if err != nil {
		return err
	}
	return options.Step(ctx, "helm and kubectl", func(ctx context.Context, progress func(string)) error {
		return pins.Tools(ctx, dir, progress)
	})
}

// push sends the images of the services to a registry and prints their digests.
func push(ctx context.Context, options kindcluster.Options, registry, sourceURL string, stdout io.Writer) error {
	images := services.Images{
		Root: options.Root, Dir: filepath.Join(options.Root, "bin", "images"), SourceURL: sourceURL,
	}
	var digests []string
	title := "images pushed to " + registry
	err := options.Step(ctx, title, func(ctx context.Context, progress func(string)) (err error) {
		digests, err = images.Push(ctx, registry, progress, "amd64", "arm64")
		return err
	})
	for _, digest := range digests {
		_, _ = fmt.Fprintln(stdout, digest)
	}
	return err
}
