package images_test

import (
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"daca/k8s/cluster/images"
)

func TestPush(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(registry.New())
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	var both []images.Image
	for _, arch := range []string{"amd64", "arm64"} {
		i := example(t)
		i.Arch = arch
		both = append(both, i)
	}
	digest, err := images.Push(t.Context(), host+"/team/app:1.0", both...)
	if err != nil {
		t.Fatal(err)
	}
	byDigest, err := name.ParseReference(digest)
	if err != nil {
		t.Fatal(err)
	}
	byTag, err := name.ParseReference(host + "/team/app:1.0")
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []name.Reference{byDigest, byTag} {
		index, err := remote.Index(ref)
		if err != nil {
			t.Fatal(err)
		}
		manifest, err := index.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		var platforms []string
		for _, m := range manifest.Manifests {
			platforms = append(platforms, m.Platform.String())
		}
		if strings.Join(platforms, " ") != "linux/amd64 linux/arm64" {
			t.Errorf("%s has %q", ref, platforms)
		}
	}

	t.Run("can be pulled for this platform, under another name", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "app.tar")
		if err := images.Pull(t.Context(), host+"/team/app:1.0", path, "daca.local/app:kind"); err != nil {
			t.Fatal(err)
		}
		config, err := read(t, path, "daca.local/app:kind").ConfigFile()
		if err != nil || config.Architecture != runtime.GOARCH {
			t.Errorf("got %+v, %v", config, err)
		}
		err = images.Pull(t.Context(), host+"/team/none:1.0", path, "daca.local/app:kind")
		if err == nil || !strings.Contains(err.Error(), "/team/none:1.0") {
			t.Errorf("got %v", err)
		}
	})

	t.Run("an error names the registry that refuses", func(t *testing.T) {
		t.Parallel()
		closed := httptest.NewServer(nil)
		closed.Close()
		ref := strings.TrimPrefix(closed.URL, "http://") + "/app:1"
		if _, err := images.Push(t.Context(), ref, both...); err == nil || !strings.Contains(err.Error(), ref) {
			t.Errorf("got %v", err)
		}
	})
}
