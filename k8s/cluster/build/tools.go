package build

import (
	"context"
	"fmt"
	"path/filepath"
)

// Tools builds helm and kubectl, at the versions that the cluster is built of,
// into dir.
func (b *Builder) Tools(ctx context.Context, dir string, progress func(string)) error {
	for _, m := range tools() {
		to := filepath.Join(dir, m.programs[0].name)
		if err := b.goBuild(ctx, m, m.programs, to, progress); err != nil {
			return fmt.Errorf("building %s: %w", m.programs[0].name, err)
		}
	}
	return nil
}

// tools are modules as the cluster's are, but for people and tests.
func tools() []module {
	return []module{
		{
			dir: ownModule, path: Helm, stamp: one("helm.sh/helm/v4/internal/version.version"),
			programs: under(Helm+"/cmd/", "helm"),
		},
		{
			dir: modulesDir + "kubernetes", path: Kubernetes, stamp: stampKubernetes,
			programs: under(Kubernetes+"/cmd/", "kubectl"),
		},
	}
}
