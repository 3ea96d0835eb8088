package pinned

import (
	"context"
	"fmt"
	"path/filepath"
)

// Tools compiles helm and kubectl into dir.
func (p Pins) Tools(ctx context.Context, dir string, progress func(string)) error {
	for _, m := range tools() {
		to := filepath.Join(dir, m.Programs[0].Name)
		if err := p.Compile(ctx, m, m.Programs, to, progress); err != nil {
			return fmt.Errorf("building %s: %w", m.Programs[0].Name, err)
		}
	}
	return nil
}
