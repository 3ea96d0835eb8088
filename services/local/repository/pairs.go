package repository

import (
	"fmt"
	"os"
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
