package fromsource

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"daca/k8s/cluster/images"
)

const redisServer = "/usr/bin/redis-server"

// HasRedis reports whether RedisImage has nothing to do.
func (b *Builder) HasRedis() bool { return exists(b.redisFile()) }

// RedisImage makes an image called name of Debian's Redis and returns its file.
// The image has the server, its client and the libraries of both, and nothing
// else. RedisImage needs root and a Debian mirror.
func (b *Builder) RedisImage(ctx context.Context, name string, progress func(string)) (string, error) {
	err := b.once(ctx, progress, b.HasRedis, func() error {
		if err := b.makeRedis(ctx, name, progress); err != nil {
			return fmt.Errorf("making the image of Redis: %w", err)
		}
		return nil
	})
	return b.redisFile(), err
}

func (b *Builder) redisFile() string {
	return filepath.Join(b.cache, "redis-"+b.recipe+".tar")
}

func (b *Builder) makeRedis(ctx context.Context, name string, progress func(string)) error {
	dir := filepath.Join(b.cache, "redis")
	progress("installing Debian " + debianRelease + " with redis-server")
	if err := b.debootstrap(ctx, dir, []string{"redis-server"}); err != nil {
		return err
	}
	version, err := output(ctx, "chroot", dir, "dpkg-query", "--showformat=${Version}", "--show", "redis-server")
	if err != nil {
		return err
	}
	files, err := redisFiles(ctx, dir)
	if err != nil {
		return err
	}
	progress("image " + name)
	if err := images.Write(b.redisFile(), images.Image{
		Names: []string{name}, Files: files,
		Entrypoint: []string{redisServer},
		User:       "999:999",
		Labels: map[string]string{
			"org.opencontainers.image.title":   "redis-server of Debian " + debianRelease,
			"org.opencontainers.image.version": version,
		},
	}); err != nil {
		return err
	}
	if err := discard(dir); err != nil {
		return err
	}
	return b.removeArchives()
}

// redisFiles lists the files of the image, from the root file system at dir in
// which redis-server is installed.
func redisFiles(ctx context.Context, dir string) ([]images.File, error) {
	programs := []string{redisServer, "/usr/bin/redis-cli"}
	listed, err := output(ctx, "chroot", append([]string{dir, "ldd"}, programs...)...)
	if err != nil {
		return nil, err
	}
	files := []images.File{{Path: "/data"}, {Path: "/tmp", Mode: 0o1777}}
	for _, path := range append(programs, libraries(listed)...) {
		onDisk, err := inRoot(dir, path)
		if err != nil {
			return nil, err
		}
		files = append(files, images.File{Path: path, OnDisk: onDisk, Mode: 0o755})
	}
	return files, nil
}

// libraries returns the paths of the libraries that ldd lists, sorted, each once.
func libraries(listed string) []string {
	var paths []string
	for _, match := range regexp.MustCompile(`(?m)^\s+(?:\S+ => )?(/\S+) \(0x`).FindAllStringSubmatch(listed, -1) {
		paths = append(paths, match[1])
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// inRoot resolves the symbolic links in path as a process would whose root
// directory is root. It returns the file that path leads to.
func inRoot(root, path string) (string, error) {
	const most = 40 // Linux follows as many links
	at := "/"
	rest := strings.Split(path, "/")
	for followed := 0; len(rest) > 0; {
		next := filepath.Join(at, rest[0])
		rest = rest[1:]
		target, err := os.Readlink(filepath.Join(root, next))
		if err != nil { // not a link
			at = next
			continue
		}
		if followed++; followed > most {
			return "", fmt.Errorf("following %s: %w", path, errors.New("too many links"))
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return filepath.Join(root, at), nil
}
