package host

import (
	"strings"
	"testing"
)

func TestInstalled(t *testing.T) {
	t.Parallel()
	if err := installed("go"); err != nil {
		t.Error(err)
	}
	err := installed("go", "no-such-tool", "another")
	want := "no-such-tool, another; on Debian, `apt-get install no-such-tool another`"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q in it", err, want)
	}
}

// TestInstalledNamesThePackageOfDocker sets the environment, so it is not parallel.
func TestInstalledNamesThePackageOfDocker(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := installed("docker")
	if err == nil || !strings.Contains(err.Error(), "apt-get install docker.io") {
		t.Errorf("got %v", err)
	}
}
