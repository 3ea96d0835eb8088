package services_test

import (
	"archive/tar"
	"bufio"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"daca/k8s/cluster/images/services"
)

const (
	repository = "../../../.."
	megabyte   = 1 << 20
	mostSize   = 30 * megabyte
)

func TestImages(t *testing.T) {
	t.Parallel()
	made := services.Images{
		Root: repository, Dir: t.TempDir(), Version: "1.2.3", SourceURL: "https://example.com/daca",
	}
	paths, err := made.Make(t.Context(), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	tag, err := services.Tag(repository)
	if err != nil {
		t.Fatal(err)
	}
	for i, service := range services.All() {
		t.Run(service.Name, func(t *testing.T) {
			t.Parallel()
			ref, err := name.NewTag("docker.io/daca/" + service.Name + ":" + tag)
			if err != nil {
				t.Fatal(err)
			}
			built, err := tarball.ImageFromPath(paths[i], &ref)
			if err != nil {
				t.Fatal(err)
			}
			file, err := built.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			config := file.Config
			if config.User != "65532:65532" || !slices.Equal(config.Entrypoint, []string{"/" + service.Name}) {
				t.Errorf("runs %q as %q", config.Entrypoint, config.User)
			}
			for label, want := range map[string]string{
				"title": service.Title, "version": "1.2.3", "source": "https://example.com/daca", "licenses": "Apache-2.0",
			} {
				if got := config.Labels["org.opencontainers.image."+label]; got != want {
					t.Errorf("the label %s is %q, want %q", label, got, want)
				}
			}
			contents := mutate.Extract(built)
			defer contents.Close()
			program := extract(t, contents)
			info, err := os.Stat(program)
			if err != nil || info.Size() >= mostSize {
				t.Errorf("the program has %d MB, %v; want less than %d", info.Size()/megabyte, err, mostSize/megabyte)
			}
			isStatic(t, program)
			hasRoots(t, program)
			answersItsVersion(t, program)
		})
	}

	t.Run("an error quotes the compiler", func(t *testing.T) {
		t.Parallel()
		unknown := services.Images{Root: repository, Dir: t.TempDir(), Arch: "abacus", Version: "1.2.3"}
		_, err := unknown.Make(t.Context(), func(string) {})
		if err == nil || !strings.Contains(err.Error(), "abacus") {
			t.Errorf("got %v", err)
		}
	})
}

func TestTagIsTheVersionOfTheCharts(t *testing.T) {
	t.Parallel()
	tag, err := services.Tag(repository)
	if err != nil || strings.Count(tag, ".") != 2 {
		t.Errorf("got %q, %v", tag, err)
	}
}

// extract writes the only file of the image to disk and returns its path.
func extract(t *testing.T, contents io.Reader) string {
	t.Helper()
	archive := tar.NewReader(contents)
	header, err := archive.Next()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), filepath.Base(header.Name))
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, header.FileInfo().Mode())
	if err == nil {
		_, err = io.Copy(file, archive)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("the image has more than one file: %v", err)
	}
	return path
}

func isStatic(t *testing.T, program string) {
	t.Helper()
	file, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for _, header := range file.Progs {
		if header.Type == elf.PT_INTERP {
			t.Error("the program is linked dynamically")
		}
	}
}

// hasRoots checks that the program contains the TLS roots, which an empty file system
// lacks.
func hasRoots(t *testing.T, program string) {
	t.Helper()
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	const roots = "golang.org/x/crypto/x509roots/fallback"
	if !slices.ContainsFunc(info.Deps, func(d *debug.Module) bool { return d.Path == roots }) {
		t.Error("the program has no TLS roots")
	}
}

// answersItsVersion starts the program and asks it for its version.
func answersItsVersion(t *testing.T, program string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Log("only Linux runs the program")
		return
	}
	reader, writer := io.Pipe()
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"HOST=127.0.0.1", "PORT=0", "OPENAI_API_KEY=k"}
	cmd.Stdout, cmd.Stderr = writer, writer
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); _ = writer.Close() })
	address := servingAt(t, reader)
	client := http.Client{Timeout: 10 * time.Second}
	resp, err := client.Get("http://" + address + "/version")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(body), `"1.2.3"`) {
		t.Errorf("/version answers %s, %v", body, err)
	}
}

// servingAt reads the log until it names the address on which the program serves.
// It discards the rest of the log in the background.
func servingAt(t *testing.T, log io.Reader) string {
	t.Helper()
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		var line struct{ Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "serving" {
			go func() { _, _ = io.Copy(io.Discard, log) }()
			return line.Address
		}
		t.Log(lines.Text())
	}
	t.Fatalf("the program does not serve: %v", lines.Err())
	return ""
}
