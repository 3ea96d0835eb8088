package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"daca/k8s/cluster/images"
)

func TestDescribe(t *testing.T) {
	t.Parallel()
	got, err := describe("daca/app:1", []string{"/app=bin/app", "/bin/tar=bin/live"})
	if err != nil {
		t.Fatal(err)
	}
	want := images.Image{
		Names: []string{"docker.io/daca/app:1"},
		Files: []images.File{
			{Path: "/app", OnDisk: "bin/app"},
			{Path: "/bin/tar", OnDisk: "bin/live"},
		},
		Entrypoint: []string{"/app"},
		User:       "65532:65532",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	got, err = describe("localhost:5001/app:1", []string{"/app=bin/app"})
	if err != nil || got.Names[0] != "localhost:5001/app:1" {
		t.Errorf("a name with a registry became %q, %v", got.Names, err)
	}
	for _, file := range []string{"bin/app", "app=bin/app", ""} {
		if _, err := describe("daca/app:1", []string{file}); err == nil {
			t.Errorf("no error for %q", file)
		}
	}
}
