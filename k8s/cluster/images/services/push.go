package services

import (
	"context"
	"fmt"

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
	var digests []string
	for _, service := range All() {
		ref := registry + "/daca/" + service.Name + ":" + tag
		var platforms []images.Image
		for _, arch := range architectures {
			progress("compiling " + service.Name + " for " + arch)
			i.Arch = arch
			program, err := i.compile(ctx, service)
			if err != nil {
				return nil, fmt.Errorf("making the image of %s: %w", service.Name, err)
			}
			platforms = append(platforms, i.describe(ctx, service, program, ref))
		}
		progress("pushing " + ref)
		digest, err := images.Push(ctx, ref, platforms...)
		if err != nil {
			return nil, err
		}
		digests = append(digests, digest)
	}
	return digests, nil
}
