package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"daca/k8s/cluster/image"
)

func TestDescribe(t *testing.T) {
	t.Parallel()
	got, err := describe("daca/app:1", []string{"/app=bin/app", "/bin/tar=bin/live"})
	if err != nil {
		t.Fatal(err)
	}
	want := image.Image{
		Names: []string{"docker.io/daca/app:1"},
		Files: []image.File{
			{Path: "/app", Source: "bin/app", Mode: 0o755},
			{Path: "/bin/tar", Source: "bin/live", Mode: 0o755},
		},
		Entrypoint: []string{"/app"},
		User:       "65532:65532",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got, _ := describe("localhost:5001/app:1", nil); got.Names[0] != "localhost:5001/app:1" {
		t.Errorf("a name with a registry became %s", got.Names[0])
	}
	for _, file := range []string{"bin/app", "app=bin/app", ""} {
		if _, err := describe("daca/app:1", []string{file}); err == nil {
			t.Errorf("no error for %q", file)
		}
	}
}
