package repository

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// DefaultPair is the name of components/ itself, as a pair of a state store and a broker.
const DefaultPair = "default"

// Pairs returns the names of the pairs of a state store and a broker that the repository
// at root offers: DefaultPair, and the folders of components/alternatives.
func Pairs(root string) ([]string, error) {
	folders, err := os.ReadDir(filepath.Join(root, "components", "alternatives"))
	if err != nil {
		return nil, fmt.Errorf("listing the pairs of a store and a broker: %w", err)
	}
	pairs := []string{DefaultPair}
	for _, folder := range folders {
		if folder.IsDir() {
			pairs = append(pairs, folder.Name())
		}
	}
	return pairs, nil
}

// CompileFlowTests compiles the flow tests of the repository at root, which run on the pair
// that the variable FLOW_PAIR names, to the path. The error holds the output of the compiler.
func CompileFlowTests(ctx context.Context, root, path string) error {
	compiler := exec.CommandContext(ctx, "go", "test", "-c", "-o", path, "./services/flow")
	compiler.Dir = root
	if printed, err := compiler.CombinedOutput(); err != nil {
		return fmt.Errorf("compiling the flow tests: %w\n%s", err, printed)
	}
	return nil
}
