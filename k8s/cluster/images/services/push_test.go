package services_test

import (
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"daca/k8s/cluster/images/services"
)

func TestPush(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(registry.New())
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://") + "/team"
	images := services.Images{Root: repository, Dir: t.TempDir(), Version: "1.2.3"}
	digests, err := images.Push(t.Context(), address, func(string) {}, runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := services.Tag(repository)
	if err != nil {
		t.Fatal(err)
	}
	for i, service := range services.All() {
		// The name that the charts have with global.imageRegistry.
		byTag, err := name.NewTag(address + "/daca/" + service.Name + ":" + tag)
		if err != nil {
			t.Fatal(err)
		}
		found, err := remote.Head(byTag)
		if err != nil {
			t.Fatal(err)
		}
		if want := byTag.Digest(found.Digest.String()).String(); digests[i] != want {
			t.Errorf("Push returns %s, but the registry has %s", digests[i], want)
		}
	}
}
