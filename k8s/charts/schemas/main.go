// Command schemas writes values.schema.json of each chart from the
// values.schema.yaml beside it and the one of charts/service-templates.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run("../charts"); err != nil {
		fmt.Fprintf(os.Stderr, "schemas: %v\n", err)
		os.Exit(1)
	}
}

// run writes the schema of each chart in dir.
func run(dir string) error {
	for _, chart := range []string{"chat", "analytics", "daca"} {
		text, err := schema(dir, chart)
		if err != nil {
			return fmt.Errorf("making the schema of charts/%s: %w", chart, err)
		}
		if err := os.WriteFile(filepath.Join(dir, chart, "values.schema.json"), text, 0o644); err != nil {
			return fmt.Errorf("writing the schema of charts/%s: %w", chart, err)
		}
	}
	return nil
}
