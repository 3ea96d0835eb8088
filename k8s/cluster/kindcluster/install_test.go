package kindcluster

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPodsHaveTheDigestsOfTheirImages(t *testing.T) {
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
