package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"daca/k8s/cluster/image"
)

// RedisImage makes an image called name of Debian's Redis and returns its file.
// It has the server, its client and the libraries of both, and nothing else.
func (b *Builder) RedisImage(ctx context.Context, name string, progress func(string)) (string, error) {
	return b.once(ctx, b.redisFile(), progress, func() error {
		if err := b.makeRedis(ctx, name, progress); err != nil {
			return fmt.Errorf("making the image of Redis: %w", err)
		}
		return nil
	})
}

func (b *Builder) makeRedis(ctx context.Context, name string, progress func(string)) error {
	dir := filepath.Join(b.Cache, "redis")
	progress("installing Debian " + suite + " with redis-server")
	if err := b.debootstrap(ctx, dir, []string{"redis-server"}); err != nil {
		return err
	}
	version, err := output(ctx, "", "chroot", dir, "dpkg-query", "--showformat=${Version}", "--show", "redis-server")
	if err != nil {
		return err
	}
	listed, err := output(ctx, "", "chroot", dir, "ldd", "/usr/bin/redis-server", "/usr/bin/redis-cli")
	if err != nil {
		return err
	}
	files := []image.File{{Path: "/data"}, {Path: "/tmp", Mode: 0o1777}}
	for _, program := range []string{"/usr/bin/redis-server", "/usr/bin/redis-cli"} {
		source, err := inRoot(dir, program)
		if err != nil {
			return err
		}
		files = append(files, image.File{Path: program, Source: source, Mode: 0o755})
	}
	for _, library := range libraries(listed) {
		source, err := inRoot(dir, library)
		if err != nil {
			return err
		}
		files = append(files, image.File{Path: library, Source: source, Mode: 0o755})
	}
	progress("image " + name)
	if err := image.Write(b.redisFile(), image.Image{
		Names: []string{name}, Files: files,
		Entrypoint: []string{"/usr/bin/redis-server"},
		User:       "999:999",
		Labels: map[string]string{
			"org.opencontainers.image.title":   "redis-server of Debian " + suite,
			"org.opencontainers.image.version": version,
		},
	}); err != nil {
		return err
	}
	for _, done := range []string{dir, filepath.Join(b.Cache, "archives")} {
		if err := discard(done); err != nil {
			return err
		}
	}
	return nil
}

// HasRedis tells whether RedisImage has nothing to do.
func (b *Builder) HasRedis() bool { return exists(b.redisFile()) }

func (b *Builder) redisFile() string {
	return filepath.Join(b.Cache, "redis-"+b.Pins.Recipe+".tar")
}

// libraries returns the files that ldd lists, each once.
func libraries(listed string) []string {
	var paths []string
	for _, match := range regexp.MustCompile(`(?m)^\s+(?:\S+ => )?(/\S+) \(0x`).FindAllStringSubmatch(listed, -1) {
		paths = append(paths, match[1])
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// inRoot returns the file that path is in the file system at root, whatever
// symbolic links lead there: absolute ones start at root.
func inRoot(root, path string) (string, error) {
	const most = 40 // as Linux follows
	at, rest := "/", strings.Split(path, "/")
	for followed := 0; len(rest) > 0; {
		next := filepath.Join(at, rest[0])
		rest = rest[1:]
		target, err := os.Readlink(filepath.Join(root, next))
		if err != nil { // no link
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
