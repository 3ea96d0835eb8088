package fromsource

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

const containerdTimeout = 30 * time.Second

// preload makes an image called name from the image base. It imports the image
// archives, which are in imageDir, into the containerd of a container, and
// commits that container.
func (b *Builder) preload(
	ctx context.Context, base, name string, archives []string, progress func(string),
) (err error) {
	progress("starting containerd to import images")
	id, err := docker(ctx, "run", "--detach", "--entrypoint", "sleep", "--network", "none",
		"--security-opt", "seccomp=unconfined", "--volume", b.imageDir()+":/images:ro", base, "infinity")
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
	for _, path := range archives {
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
