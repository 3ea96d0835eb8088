// Package charts reads the Helm charts of the repository, and tests them.
package charts

import (
	"fmt"
	"path/filepath"
	"strings"

	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
)

// Load reads the chart dir/name with its dependencies, which have to be charts
// of the repository. The result is what Helm installs after
// "helm dependency update", but Load writes nothing to dir, and ignores what an
// earlier update has written there.
func Load(dir, name string) (*chart.Chart, error) {
	c, err := loadAlone(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	for _, dependency := range c.Metadata.Dependencies {
		path, ok := strings.CutPrefix(dependency.Repository, "file://")
		if !ok {
			return nil, fmt.Errorf("chart %s depends on %s of %s, which is not in the repository",
				name, dependency.Name, dependency.Repository)
		}
		d, err := loadAlone(filepath.Join(dir, name, path))
		if err != nil {
			return nil, err
		}
		if d.Metadata.Version != dependency.Version {
			return nil, fmt.Errorf("chart %s depends on version %s of %s, which is at %s",
				name, dependency.Version, dependency.Name, d.Metadata.Version)
		}
		c.AddDependency(d)
	}
	return c, nil
}

// loadAlone reads a chart without its dependencies: Helm does not fetch the
// dependencies of a dependency either.
func loadAlone(dir string) (*chart.Chart, error) {
	c, err := loader.LoadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the chart in %s: %w", dir, err)
	}
	c.SetDependencies()
	return c, nil
}
