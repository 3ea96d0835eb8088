package fromsource

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// packages lists what a node needs of Debian, beyond its smallest system.
func packages() []string {
	return []string{
		"systemd", "dbus", "conntrack", "iptables", "nftables", "iproute2", "ethtool", "kmod",
		"libseccomp2", "pigz", "e2fsprogs", "ca-certificates", "curl", "jq", "procps", "runc",
		"socat", "hostname",
	}
}

// superfluous lists the services that make no sense in a container, and files
// that only take space.
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

// HasRootFS reports whether RootFS has nothing to do.
func (b *Builder) HasRootFS() bool { return exists(b.rootFSFile()) }

// RootFS makes the root file system of a node as a tar file. It needs root and a
// Debian mirror.
func (b *Builder) RootFS(ctx context.Context, progress func(string)) error {
	return b.once(ctx, progress, b.HasRootFS, func() error {
		if err := b.makeRootFS(ctx, progress); err != nil {
			return fmt.Errorf("making the root file system of a node: %w", err)
		}
		return nil
	})
}

func (b *Builder) rootFSFile() string {
	hash := sha256.Sum256([]byte(fmt.Sprint(debianRelease, packages(), superfluous())))
	return filepath.Join(b.cache, "rootfs-"+hex.EncodeToString(hash[:5])+".tar")
}

func (b *Builder) makeRootFS(ctx context.Context, progress func(string)) error {
	dir := filepath.Join(b.cache, "rootfs")
	progress("installing Debian " + debianRelease + " for the node")
	if err := b.debootstrap(ctx, dir, packages()); err != nil {
		return err
	}
	progress("packing Debian " + debianRelease + " for the node")
	if err := prune(dir); err != nil {
		return err
	}
	unfinished := b.rootFSFile() + ".unfinished"
	if _, err := output(ctx, "tar", "--numeric-owner", "--sort=name", "--one-file-system",
		"-C", dir, "-cf", unfinished, "."); err != nil {
		return err
	}
	if err := os.Rename(unfinished, b.rootFSFile()); err != nil {
		return err
	}
	return discard(dir)
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
