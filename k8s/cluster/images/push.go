package images

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Push sends the images, one for each platform, to a registry as one image
// called ref. It returns the image's digest in the form name@sha256:…. The
// credentials are those that `docker login` keeps.
func Push(ctx context.Context, ref string, images ...Image) (string, error) {
	failed := func(err error) (string, error) { return "", fmt.Errorf("pushing image %s: %w", ref, err) }
	tag, err := name.NewTag(ref)
	if err != nil {
		return failed(err)
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, image := range images {
		built, err := assemble(image)
		if err != nil {
			return failed(err)
		}
		config, err := built.ConfigFile()
		if err != nil {
			return failed(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: built,
			Descriptor: v1.Descriptor{
				Platform: &v1.Platform{OS: config.OS, Architecture: config.Architecture},
			},
		})
	}
	err = remote.WriteIndex(tag, index, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain))
	if err != nil {
		return failed(err)
	}
	digest, err := index.Digest()
	if err != nil {
		return failed(err)
	}
	return tag.Digest(digest.String()).String(), nil
}
