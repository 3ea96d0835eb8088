// Package charts reads the Helm charts of the repository, and tests them.
package charts

import (
	"fmt"
	"path/filepath"
	"strings"

	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
)

// Load reads the chart of that name from dir. The umbrella gets its
// dependencies, the sibling charts, as helm --dependency-update would give them.
func Load(dir, name string) (*chart.Chart, error) {
	c, err := loader.LoadDir(filepath.Join(dir, name))
	if err != nil {
		return nil, fmt.Errorf("reading chart %s: %w", name, err)
	}
	c.SetDependencies()
	for _, dependency := range c.Metadata.Dependencies {
		path, ok := strings.CutPrefix(dependency.Repository, "file://")
		if !ok {
			return nil, fmt.Errorf("chart %s depends on %s of %s, which is not in the repository", name, dependency.Name, dependency.Repository)
		}
		d, err := loader.LoadDir(filepath.Join(dir, name, path))
		if err != nil {
			return nil, fmt.Errorf("reading chart %s: %w", dependency.Name, err)
		}
		if d.Metadata.Version != dependency.Version {
			return nil, fmt.Errorf("chart %s depends on version %s of %s, which is at %s", name, dependency.Version, dependency.Name, d.Metadata.Version)
		}
		c.AddDependency(d)
	}
	return c, nil
}
