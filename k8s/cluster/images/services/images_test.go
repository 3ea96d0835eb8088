package services_test

import (
	"archive/tar"
	"bufio"
	"crypto/x509"
	"debug/elf"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
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

	mostRoots   = 200_000 // bytes, as the benchmark of the sizes says
	fewestRoots = 90
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
			program, roots := extract(t, contents)
			info, err := os.Stat(program)
			if err != nil || info.Size() >= mostSize {
				t.Errorf("the program has %d MB, %v; want less than %d", info.Size()/megabyte, err, mostSize/megabyte)
			}
			isStatic(t, program)
			areRoots(t, roots)
			answers(t, program)
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

// extract writes the program of the image to disk, and reads the only other file, which
// has the roots of TLS.
func extract(t *testing.T, contents io.Reader) (program string, roots []byte) {
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
	if header, err = archive.Next(); err != nil {
		t.Fatal(err)
	}
	if header.Name != "etc/ssl/certs/ca-certificates.crt" {
		t.Errorf("the second file is %s", header.Name)
	}
	if roots, err = io.ReadAll(archive); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("the image has more than two files: %v", err)
	}
	return path, roots
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

// areRoots checks that the file has the roots of TLS, as Go reads them.
func areRoots(t *testing.T, text []byte) {
	t.Helper()
	if len(text) > mostRoots {
		t.Errorf("the roots take %d bytes, want at most %d", len(text), mostRoots)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatal("no roots can be read")
	}
	read := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		root, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		options := x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
		if _, err := root.Verify(options); err == nil { // one may have expired since
			read++
		}
	}
	if read < fewestRoots {
		t.Errorf("%d roots are valid, want at least %d", read, fewestRoots)
	}
}

// answers starts the program, and asks it for its version and how many cores it uses.
func answers(t *testing.T, program string) {
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
	for path, want := range map[string]string{
		"/version": `"1.2.3"`, "/metrics": "\ngo_sched_gomaxprocs_threads 1\n",
	} {
		resp, err := client.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%s answers %s, %v; want %s", path, body, err, want)
		}
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
