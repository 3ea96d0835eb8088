package main

import (
	"path/filepath"
	"strings"
	"testing"

	"daca/services/internal/contract"
	"daca/services/internal/sidecar/sidecartest"
)

// TestRefusesAStoreWithoutETags holds that the service does not keep keys of messages
// in a store in which two replicas could overwrite each other's.
func TestRefusesAStoreWithoutETags(t *testing.T) {
	t.Parallel()
	sidecar := sidecartest.Start(t, contract.StateStore, "TTL")
	err := run(t.Context(), []string{
		"HOST=127.0.0.1", "PORT=0", "OPENAI_API_KEY=k", "DAPR_GRPC_PORT=" + sidecar,
		"SPOOL_PATH=" + filepath.Join(t.TempDir(), "spool.db"),
	}, t.Output())
	if err == nil || !strings.Contains(err.Error(), `state store "statestore" has no ETags`) {
		t.Errorf("run = %v; want an error that names the store", err)
	}
}
