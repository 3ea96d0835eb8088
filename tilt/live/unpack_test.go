package main

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUnpack(t *testing.T) {
	t.Parallel()
	program := tar.Header{Name: "tilt/app", Typeflag: tar.TypeReg, Mode: 0o755, Size: 3}

	t.Run("writes what Tilt sends", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		for _, content := range []string{"one", "two"} {
			stream := archive(t, content, tar.Header{Name: "tilt", Typeflag: tar.TypeDir, Mode: 0o755}, program)
			if err := run([]string{"/bin/tar", "-C", dir, "-x", "-f", "-"}, stream, nil); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join(dir, "tilt/app"))
			if err != nil || string(got) != content {
				t.Errorf("read %q, %v", got, err)
			}
		}
		if info, err := os.Stat(filepath.Join(dir, "tilt/app")); err != nil || info.Mode() != 0o755 {
			t.Errorf("it is %v, %v", info.Mode(), err)
		}
	})

	t.Run("leaves the old file when the stream breaks", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		if err := unpack(archive(t, "one", program), dir); err != nil {
			t.Fatal(err)
		}
		whole, err := io.ReadAll(archive(t, "two", program))
		if err != nil {
			t.Fatal(err)
		}
		if err := unpack(bytes.NewReader(whole[:513]), dir); err == nil {
			t.Error("no error")
		}
		entries, err := os.ReadDir(filepath.Join(dir, "tilt"))
		if err != nil || len(entries) != 1 {
			t.Errorf("found %v, %v", entries, err)
		}
	})

	t.Run("stays in its directory and takes no links", func(t *testing.T) {
		t.Parallel()
		for _, header := range []tar.Header{
			{Name: "../app", Typeflag: tar.TypeReg, Mode: 0o755, Size: 3},
			{Name: "app", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"},
		} {
			if err := unpack(archive(t, "one", header), t.TempDir()); err == nil {
				t.Errorf("no error for %+v", header)
			}
		}
	})
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"live", "live run one", "tar -x", "tar restart", "live -C / -x -f -"} {
		if err := run(strings.Fields(args), nil, nil); err == nil || !strings.Contains(err.Error(), "usage") {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func archive(t *testing.T, content string, headers ...tar.Header) io.Reader {
	t.Helper()
	var stream bytes.Buffer
	out := tar.NewWriter(&stream)
	for _, header := range headers {
		if err := out.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
		if header.Typeflag == tar.TypeReg {
			if _, err := io.WriteString(out, content); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return &stream
}
