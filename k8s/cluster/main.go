// Cluster brings up the kind cluster on which the suite is tried and tested.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"daca/k8s/cluster/kindcluster"
)

const usage = `usage: cluster up                  a kind cluster with Dapr
       cluster load IMAGE-TAR...   images into the cluster
       cluster down                no cluster, and no Docker if up started it
The variable CLUSTER_IMAGES is "published" to pull the images of Kubernetes and
Dapr from registries, "built" to build them; without it, that is found out.
CLUSTER_NAME names another cluster than "` + kindcluster.DefaultName + `".`

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
	options := kindcluster.Options{
		Name:   getenv("CLUSTER_NAME"),
		Images: kindcluster.Source(getenv("CLUSTER_IMAGES")),
		CI:     getenv("CI") == "true",
		Step:   terminal{out: stdout, tty: isTerminal(stdout)}.step,
	}
	switch {
	case len(args) == 1 && args[0] == "up":
		cluster, err := kindcluster.Up(ctx, options)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(stdout, "Cluster %s is up; its images are %s.\n  export KUBECONFIG=%s\n",
			cluster.Name, cluster.Images, cluster.Kubeconfig)
		return nil
	case len(args) > 1 && args[0] == "load":
		cluster, err := kindcluster.Find(ctx, options)
		if err != nil {
			return err
		}
		return cluster.LoadImages(ctx, args[1:]...)
	case len(args) == 1 && args[0] == "down":
		return kindcluster.Down(ctx, options)
	}
	_, _ = fmt.Fprintln(stdout, usage)
	return errors.New("expected up, load or down")
}
