package image

import (
	"context"
	"fmt"
	"os"
	"runtime"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Pull fetches the image ref, for the platform this program runs on alone, and
// writes it as a docker archive to path, where it has the name as. Docker itself
// may save images of many platforms, of which it has one.
func Pull(ctx context.Context, ref, path, as string) error {
	failed := func(err error) error { return fmt.Errorf("pulling image %s: %w", ref, err) }
	from, err := name.ParseReference(ref)
	if err != nil {
		return failed(err)
	}
	to, err := name.NewTag(as)
	if err != nil {
		return failed(err)
	}
	pulled, err := remote.Image(from, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain),
		remote.WithPlatform(v1.Platform{OS: "linux", Architecture: runtime.GOARCH}))
	if err != nil {
		return failed(err)
	}
	if err := tarball.WriteToFile(path+".unfinished", to, pulled); err != nil {
		return failed(err)
	}
	if err := os.Rename(path+".unfinished", path); err != nil {
		return failed(err)
	}
	return nil
}
