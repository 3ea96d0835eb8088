package kindcluster

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v4/pkg/release/common"
	releasev1 "helm.sh/helm/v4/pkg/release/v1"
)

// TestDownWithoutDocker sets the environment, so it is not parallel.
func TestDownWithoutDocker(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///none")
	options := Options{Root: "../../..", Cache: t.TempDir()}
	if err := Down(t.Context(), options); err != nil {
		t.Errorf("where no cluster was created: %v", err)
	}
	if err := os.WriteFile(filepath.Join(options.Cache, DefaultName+".kubeconfig"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Down(t.Context(), options); err == nil {
		t.Error("no error, although there may be a cluster")
	}
}

func TestPodsStartAnewWithTheirImages(t *testing.T) {
	t.Parallel()
	c := Cluster{digests: map[string]string{"chat-service": "sha256:1", "model": "sha256:2"}}
	values := map[string]any{"chat": map[string]any{"replicaCount": 1}}
	c.annotate(values)
	annotation := func(digest string) map[string]any { return map[string]any{"daca.local/image": digest} }
	want := map[string]any{
		"chat":         map[string]any{"replicaCount": 1, "podAnnotations": annotation("sha256:1")},
		"analytics":    map[string]any{},
		"offlineModel": map[string]any{"podAnnotations": annotation("sha256:2")},
	}
	if diff := cmp.Diff(want, values); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestInterruption(t *testing.T) {
	t.Parallel()
	pending := &releasev1.Release{Info: &releasev1.Info{Status: common.StatusPendingUpgrade}}
	for _, test := range []struct {
		found any
		want  common.Status
	}{
		{pending, common.StatusPendingUpgrade},
		{(*releasev1.Release)(nil), common.StatusUnknown},
		{nil, common.StatusUnknown},
	} {
		if got := interruption(test.found); got != test.want {
			t.Errorf("%v is %s, want %s", test.found, got, test.want)
		}
	}
}
