package build

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// preload makes of the image base one called name whose containerd has the
// images: it imports them in a container that is thrown away.
func (b *Builder) preload(ctx context.Context, base, name string, images []string, progress func(string)) (err error) {
	progress("starting containerd to import images")
	dir := filepath.Join(b.Dir, "images-"+b.Pins.Recipe)
	id, err := docker(ctx, "run", "--detach", "--entrypoint", "sleep", "--network", "none",
		"--security-opt", "seccomp=unconfined", "--volume", dir+":/images:ro", base, "infinity")
	if err != nil {
		return err
	}
	defer func() {
		_, removed := docker(context.WithoutCancel(ctx), "rm", "--force", "--volumes", id)
		err = errors.Join(err, removed)
	}()
	if _, err := docker(ctx, "exec", "--detach", id, "containerd"); err != nil {
		return err
	}
	if err := untilReady(ctx, id); err != nil {
		return err
	}
	for _, path := range images {
		progress("importing " + filepath.Base(path))
		if _, err := docker(ctx, "exec", id, "ctr", "--namespace", "k8s.io", "images", "import",
			"--all-platforms", "--no-unpack", "/images/"+filepath.Base(path)); err != nil {
			return err
		}
	}
	progress("committing the node image")
	if _, err := docker(ctx, "exec", id, "pkill", "-x", "containerd"); err != nil {
		return err
	}
	_, err = docker(ctx, "commit", "--change", `ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]`, id, name)
	return err
}

func untilReady(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, containerdTimeout)
	defer cancel()
	for {
		_, err := docker(ctx, "exec", id, "ctr", "--connect-timeout", "2s", "version")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for containerd in the node: %w", err)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func docker(ctx context.Context, args ...string) (string, error) {
	return output(ctx, "", "docker", args...)
}
