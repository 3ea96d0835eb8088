package images

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

// Pull fetches the image ref for the architecture of this program and writes it
// to path as a docker archive, in which its name is as. (`docker save` may write
// an index of all platforms although Docker has pulled one of them.)
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
