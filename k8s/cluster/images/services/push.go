package services

import (
	"context"

	"daca/k8s/cluster/images"
)

// Push makes the images of all services for the architectures and sends them to
// the registry. Their names are those that the charts have if the registry is
// their global.imageRegistry. Push returns the images' digests in the form
// name@sha256:….
func (i Images) Push(
	ctx context.Context, registry string, progress func(string), architectures ...string,
) ([]string, error) {
	tag, err := Tag(i.Root)
	if err != nil {
		return nil, err
	}
	byService := make([][]images.Image, len(All()))
	for _, arch := range architectures {
		i.Arch = arch
		described, err := i.compile(ctx, registry+"/daca/", tag, progress)
		if err != nil {
			return nil, err
		}
		for n, image := range described {
			byService[n] = append(byService[n], image)
		}
	}
	var digests []string
	for _, platforms := range byService {
		ref := platforms[0].Names[0]
		progress("pushing " + ref)
		digest, err := images.Push(ctx, ref, platforms...)
		if err != nil {
			return nil, err
		}
		digests = append(digests, digest)
	}
	return digests, nil
}
