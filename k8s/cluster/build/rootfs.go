package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

const suite = "trixie"

// packages lists what a node needs of Debian, beyond its smallest system.
func packages() []string {
	return []string{
		"systemd", "dbus", "conntrack", "iptables", "nftables", "iproute2", "ethtool", "kmod",
		"libseccomp2", "pigz", "e2fsprogs", "ca-certificates", "curl", "jq", "procps", "runc",
		"socat", "hostname",
	}
}

// RootFS makes the root file system of a node as a tar file, by debootstrap.
// It needs root, and a Debian mirror in reach.
func (b *Builder) RootFS(ctx context.Context, progress func(string)) (string, error) {
	return b.once(ctx, b.rootFSFile(), progress, func() error {
		if err := b.makeRootFS(ctx, progress); err != nil {
			return fmt.Errorf("making the root file system of a node: %w", err)
		}
		return nil
	})
}

func (b *Builder) makeRootFS(ctx context.Context, progress func(string)) error {
	dir := filepath.Join(b.Cache, "rootfs")
	progress("installing Debian " + suite + " for the node")
	if err := b.debootstrap(ctx, dir, packages()); err != nil {
		return err
	}
	progress("packing Debian " + suite + " for the node")
	if err := prune(dir); err != nil {
		return err
	}
	if _, err := output(ctx, "", "tar", "--numeric-owner", "--sort=name", "--one-file-system",
		"-C", dir, "-cf", b.rootFSFile()+".unfinished", "."); err != nil {
		return err
	}
	if err := os.Rename(b.rootFSFile()+".unfinished", b.rootFSFile()); err != nil {
		return err
	}
	return discard(dir)
}

// debootstrap installs a minimal Debian with the packages into an empty dir. The
// archives of packages are kept until everything is built.
func (b *Builder) debootstrap(ctx context.Context, dir string, packages []string) error {
	if _, err := exec.LookPath("debootstrap"); err != nil {
		return errors.New("debootstrap is not installed; `apt-get install debootstrap` gets it")
	}
	if os.Geteuid() != 0 {
		return errors.New("debootstrap needs root")
	}
	if err := discard(dir); err != nil {
		return err
	}
	archives := filepath.Join(b.Cache, "archives")
	if err := os.MkdirAll(archives, 0o755); err != nil {
		return err
	}
	_, err := output(ctx, "", "debootstrap", "--variant=minbase", "--cache-dir="+archives,
		"--include="+strings.Join(packages, ","), suite, dir)
	return err
}

// superfluous lists the services that make no sense in a container, and what
// only takes space.
func superfluous() []string {
	return []string{
		"usr/lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service",
		"usr/lib/systemd/system/multi-user.target.wants/*",
		"etc/systemd/system/*.wants/*",
		"usr/lib/systemd/system/local-fs.target.wants/*",
		"usr/lib/systemd/system/sockets.target.wants/*udev*",
		"usr/lib/systemd/system/sockets.target.wants/*initctl*",
		"usr/lib/systemd/system/basic.target.wants/*",
		"usr/share/doc/*/[^c]*", "usr/share/locale/*", "usr/share/man/*", // licences stay
		"var/cache/apt/*", "var/lib/apt/lists/*", "var/log/*",
	}
}

func prune(dir string) error {
	for _, pattern := range superfluous() {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := os.RemoveAll(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// discard removes a root file system, also one that debootstrap left half done
// with file systems mounted in it.
func discard(dir string) error {
	for _, mount := range []string{"proc", "sys"} {
		err := syscall.Unmount(filepath.Join(dir, mount), 0)
		if err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.EPERM) {
			return fmt.Errorf("unmounting %s/%s: %w", dir, mount, err)
		}
	}
	return os.RemoveAll(dir)
}

// HasRootFS tells whether RootFS has nothing to do.
func (b *Builder) HasRootFS() bool { return exists(b.rootFSFile()) }

func (b *Builder) rootFSFile() string {
	hash := sha256.Sum256([]byte(fmt.Sprint(suite, packages(), superfluous())))
	return filepath.Join(b.Cache, "rootfs-"+hex.EncodeToString(hash[:5])+".tar")
}
