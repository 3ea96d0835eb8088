package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"daca/k8s/cluster/kindcluster"
)

// stopTimeout is how long tests have to clean up when they are interrupted.
const stopTimeout = 30 * time.Second

// e2e runs the end-to-end tests on the cluster. If there is none it creates one,
// which it removes afterwards unless keep is set.
func e2e(
	ctx context.Context, options kindcluster.Options, flags []string, keep bool, stdout io.Writer,
) (err error) {
	cluster, err := kindcluster.Create(ctx, options)
	if cluster != nil && cluster.Created && !keep {
		defer func() {
			err = errors.Join(err, kindcluster.Down(context.WithoutCancel(ctx), options))
		}()
	}
	if err != nil {
		return err
	}
	if err := cluster.LoadServices(ctx); err != nil {
		return err
	}
	if err := cluster.LoadRedis(ctx); err != nil {
		return err
	}
	if err := cluster.LoadGenerator(ctx); err != nil {
		return err
	}
	bin := filepath.Join(options.Root, "bin")
	if err := tools(ctx, options, bin); err != nil {
		return err
	}
	args := append([]string{"test", "-tags", "e2e", "-count=1", "-timeout", "30m", "-v"}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, "./e2e")...)
	cmd.Dir = filepath.Join(options.Root, "k8s")
	cmd.Env = append(os.Environ(), "KUBECONFIG="+cluster.Kubeconfig,
		"PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	cmd.Stdout = stdout
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = stopTimeout
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running the end-to-end tests: %w", err)
	}
	return nil
}
