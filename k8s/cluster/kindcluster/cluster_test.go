package kindcluster

import (
	"os"
	"path/filepath"
	"testing"
)

// TestDownWithoutDocker sets the environment, so it is not parallel.
func TestDownWithoutDocker(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///none")
	options := Options{Cache: t.TempDir()}
	if err := Down(t.Context(), options); err != nil {
		t.Errorf("got %v, although no cluster was created", err)
	}
	if err := os.WriteFile(filepath.Join(options.Cache, DefaultName+".kubeconfig"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Down(t.Context(), options); err == nil {
		t.Error("no error, although Docker may have a cluster")
	}
}
