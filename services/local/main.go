// Command local runs the whole suite on this machine, without containers and
// without a cluster, until Ctrl-C: `make run`. The first time it builds the
// Dapr sidecar, which takes minutes; after that it starts in seconds.
// `local prepare` only builds the sidecar.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"daca/services/internal/stack"
	"daca/services/local/repository"
	"daca/services/local/steps"
)

func main() {
	// A closed terminal or a broken pipe must not leave programs behind.
	ctx, stop := signal.NotifyContext(context.Background(),
		os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	err := run(ctx, os.Args[1:], os.Environ(), os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "\nError: %v\n", err)
		os.Exit(1)
	}
}

// run starts the suite and returns when it has stopped. The error is nil after
// ctx has ended, and otherwise says why the suite could not start or go on. With
// the argument "prepare" it only makes sure that there is a daprd.
func run(ctx context.Context, args, environ []string, stdout io.Writer) error {
	if len(args) > 0 && !slices.Equal(args, []string{"prepare"}) {
		return errors.New("usage: local [prepare]; without prepare it runs the suite")
	}
	cfg, err := parseConfig(environ)
	if err != nil {
		return err
	}
	root, err := repository.Root(".")
	if err != nil {
		return err
	}
	if cfg.Dir == "" {
		cfg.Dir = filepath.Join(root, ".daca")
	}
	bin := filepath.Join(root, "bin")
	_, notFound := exec.LookPath("redis-server")
	l := launcher{
		cfg:        cfg,
		environ:    environ,
		term:       steps.New(stdout),
		components: cmp.Or(cfg.Components, filepath.Join(root, "components")),
		bin:        bin,
		daprd: func(ctx context.Context, progress func(string)) (string, error) {
			return stack.Daprd(ctx, root, progress)
		},
		page: func(ctx context.Context, progress func(string)) error {
			return repository.BuildPage(ctx, root, progress)
		},
		build: func(ctx context.Context, variables ...string) error {
			return repository.BuildServices(ctx, root, bin, variables...)
		},
		discovery:  10 * time.Second,
		installed:  notFound == nil,
		trimScript: filepath.Join(root, "charts", "daca", "files", "trim.lua"),
		trimEvery:  time.Minute,
	}
	if len(args) > 0 {
		_, err := l.sidecarProgram(ctx)
		return err
	}
	return l.launch(ctx)
}
