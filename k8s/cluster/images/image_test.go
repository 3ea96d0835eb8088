package images_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"daca/k8s/cluster/images"
)

func TestImage(t *testing.T) {
	t.Parallel()

	t.Run("has the program, its settings and all its names", func(t *testing.T) {
		t.Parallel()
		path := write(t, example(t))
		for _, text := range []string{"daca.local/app:1", "daca.local/app:2"} {
			built := read(t, path, text)
			config, err := built.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			if config.Architecture != runtime.GOARCH || config.Config.User != "65532" ||
				!slices.Equal(config.Config.Entrypoint, []string{"/app"}) {
				t.Errorf("%s is configured as %+v", text, config)
			}
			entries := entries(t, built)
			app := entries["app"]
			if app == nil || app.Mode != 0o755 || app.Uid != 0 || app.Typeflag != tar.TypeReg {
				t.Errorf("/app is %+v", app)
			}
			if link := entries["etc/link"]; link == nil || link.Linkname != "/app" {
				t.Errorf("/etc/link is %+v", link)
			}
			if file := entries["etc/name"]; file == nil || file.Mode != 0o644 || file.Size != 5 {
				t.Errorf("/etc/name is %+v", file)
			}
			if dir := entries["empty"]; dir == nil || dir.Typeflag != tar.TypeDir {
				t.Errorf("/empty is %+v", dir)
			}
		}
	})

	t.Run("is the same for the same content", func(t *testing.T) {
		t.Parallel()
		i := example(t)
		var digests [2]v1.Hash
		for n := range digests {
			digest, err := read(t, write(t, i), "daca.local/app:1").Digest()
			if err != nil {
				t.Fatal(err)
			}
			digests[n] = digest
		}
		if digests[0] != digests[1] {
			t.Errorf("written twice, the image is %v", digests)
		}
	})

	t.Run("is put over its base", func(t *testing.T) {
		t.Parallel()
		base := filepath.Join(t.TempDir(), "base.tar")
		var content bytes.Buffer
		out := tar.NewWriter(&content)
		if err := errors.Join(out.WriteHeader(&tar.Header{Name: "usr/bin/sh", Mode: 0o755}), out.Close()); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(base, content.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		i := example(t)
		i.Base = base
		entries := entries(t, read(t, write(t, i), "daca.local/app:1"))
		if entries["usr/bin/sh"] == nil || entries["app"] == nil {
			t.Errorf("it has %v", entries)
		}
	})

	t.Run("is not there if it cannot be written", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "image.tar")
		i := example(t)
		i.Files = append(i.Files, images.File{Path: "/gone", OnDisk: filepath.Join(t.TempDir(), "gone")})
		if err := images.Write(path, i); err == nil {
			t.Error("no error for a file that is not there")
		}
		if err := images.Write(path, images.Image{}); err == nil {
			t.Error("no error for an image without a name")
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("there is an archive: %v", err)
		}
	})
}

func example(t *testing.T) images.Image {
	t.Helper()
	program := filepath.Join(t.TempDir(), "app")
	if err := os.WriteFile(program, []byte("program"), 0o700); err != nil {
		t.Fatal(err)
	}
	return images.Image{
		Names: []string{"daca.local/app:1", "daca.local/app:2"},
		Files: []images.File{
			{Path: "/app", OnDisk: program, Mode: 0o755},
			{Path: "/etc/link", Link: "/app"},
			{Path: "/etc/name", Content: "value"},
			{Path: "/empty"},
		},
		Entrypoint: []string{"/app"},
		User:       "65532",
	}
}

func write(t *testing.T, i images.Image) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.tar")
	if err := images.Write(path, i); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path, text string) v1.Image {
	t.Helper()
	tag, err := name.NewTag(text)
	if err != nil {
		t.Fatal(err)
	}
	built, err := tarball.ImageFromPath(path, &tag)
	if err != nil {
		t.Fatal(err)
	}
	return built
}

func entries(t *testing.T, built v1.Image) map[string]*tar.Header {
	t.Helper()
	flat := mutate.Extract(built)
	defer func() { _ = flat.Close() }()
	found := map[string]*tar.Header{}
	for in := tar.NewReader(flat); ; {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		found[header.Name] = header
	}
}
