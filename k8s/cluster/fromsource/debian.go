package fromsource

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

const debianRelease = "trixie"

// debootstrap installs a minimal Debian and the packages into dir, after it has
// removed what dir contains. It needs root and a Debian mirror. The packages
// that it downloads stay in the cache until removeArchives.
func (b *Builder) debootstrap(ctx context.Context, dir string, packages []string) error {
	if _, err := exec.LookPath("debootstrap"); err != nil {
		return errors.New("debootstrap is not installed; on Debian, `apt-get install debootstrap` installs it")
	}
	if os.Geteuid() != 0 {
		return errors.New("debootstrap needs root")
	}
	if err := discard(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(b.archives(), 0o755); err != nil {
		return err
	}
	_, err := output(ctx, "debootstrap", "--variant=minbase", "--cache-dir="+b.archives(),
		"--include="+strings.Join(packages, ","), debianRelease, dir)
	return err
}

func (b *Builder) archives() string { return filepath.Join(b.cache, "archives") }

func (b *Builder) removeArchives() error { return os.RemoveAll(b.archives()) }

// discard removes a root file system. debootstrap leaves file systems mounted in
// it when it is interrupted.
func discard(dir string) error {
	for _, mount := range []string{"proc", "sys"} {
		err := syscall.Unmount(filepath.Join(dir, mount), 0)
		notMounted := errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.EPERM)
		if err != nil && !notMounted {
			return fmt.Errorf("unmounting %s/%s: %w", dir, mount, err)
		}
	}
	return os.RemoveAll(dir)
}
