package suite

import (
	"context"
	"fmt"

	"daca/k8s/cluster/image"
)

// Push makes the images of all services for the architectures, and sends them to
// the registry, under the names that the charts have with that registry as
// their global.imageRegistry. It returns their digests, as name@sha256:….
func (i Images) Push(ctx context.Context, registry string, progress func(string), architectures ...string) ([]string, error) {
	tag, err := Tag(i.Root)
	if err != nil {
		return nil, err
	}
	var digests []string
	for _, service := range Services() {
		var images []image.Image
		for _, arch := range architectures {
			progress("compiling " + service.Name + " for " + arch)
			i.Arch = arch
			_, described, err := i.compile(ctx, service)
			if err != nil {
				return nil, fmt.Errorf("making the image of %s: %w", service.Name, err)
			}
			images = append(images, described)
		}
		ref := registry + "/daca/" + service.Name + ":" + tag
		progress("pushing " + ref)
		digest, err := image.Push(ctx, ref, images...)
		if err != nil {
			return nil, err
		}
		digests = append(digests, digest)
	}
	return digests, nil
}
