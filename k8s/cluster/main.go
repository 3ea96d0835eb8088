// Cluster brings up the kind cluster on which the suite is tried and tested.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"daca/k8s/cluster/kindcluster"
	"daca/k8s/cluster/suite"
)

const usage = `usage: cluster up                    a kind cluster with Dapr and the suite
       cluster create                a kind cluster with Dapr, and the image of Redis
       cluster e2e [go test flags]   the end-to-end tests, on that cluster
       cluster wrap REF /PATH=FILE...  programs as an image, as REF in the cluster
       cluster load IMAGE-TAR...     images into the cluster
       cluster push REGISTRY         the images of the services, for amd64 and arm64
       cluster tools                 helm and kubectl into bin/
       cluster down                  no cluster, and no Docker if it was started here

CLUSTER_IMAGES is "published" to pull the images of Kubernetes and Dapr from
registries, "built" to build them; without it, that is found out.
CLUSTER_NAME names another cluster than "` + kindcluster.DefaultName + `".
E2E_KEEP=1 keeps a cluster that was created for the end-to-end tests.
IMAGE_SOURCE is the address of the sources, for the labels of pushed images.`

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
	root, err := kindcluster.Root()
	if err != nil {
		return err
	}
	options := kindcluster.Options{
		Root:   root,
		Name:   getenv("CLUSTER_NAME"),
		Images: kindcluster.Source(getenv("CLUSTER_IMAGES")),
		CI:     getenv("CI") == "true",
		Step:   terminal{out: stdout, tty: isTerminal(stdout)}.step,
	}
	command := ""
	if len(args) > 0 {
		command, args = args[0], args[1:]
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
		return options.Tools(ctx, filepath.Join(root, "bin"))
	case command == "down" && len(args) == 0:
		return kindcluster.Down(ctx, options)
	}
	_, _ = fmt.Fprintln(stdout, usage)
	return errors.New("expected a command of these")
}

func up(ctx context.Context, options kindcluster.Options, stdout io.Writer) error {
	cluster, err := kindcluster.Create(ctx, options)
	if err != nil {
		return err
	}
	if err := cluster.LoadSuite(ctx); err != nil {
		return err
	}
	if err := cluster.Install(ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, `
The suite runs in the namespace %[1]s of the kind cluster %[2]s, whose images are
%[3]s; kubectl's current context is kind-%[2]s. To try it, in two terminals:

  kubectl -n %[1]s port-forward svc/chat-service 8000:8000
  kubectl -n %[1]s port-forward svc/analytics-service 8001:8001

and then:

  curl -s -X POST localhost:8000/chat/ -H 'Content-Type: application/json' -d '{"user_id": "alice", "text": "Hello, how are you?"}'
  curl -s localhost:8001/analytics/alice

make tools puts kubectl and helm into bin/; make cluster-down removes the cluster.
`, kindcluster.SuiteNamespace, cluster.Name, cluster.Images.Description())
	return err
}

// push sends the images to a registry, and prints their digests.
func push(ctx context.Context, options kindcluster.Options, registry, source string, stdout io.Writer) error {
	var digests []string
	err := options.Step(ctx, "images pushed to "+registry, func(ctx context.Context, progress func(string)) (err error) {
		images := suite.Images{Root: options.Root, Dir: filepath.Join(options.Root, "bin", "images"), Source: source}
		digests, err = images.Push(ctx, registry, progress, "amd64", "arm64")
		return err
	})
	for _, digest := range digests {
		_, _ = fmt.Fprintln(stdout, digest)
	}
	return err
}
