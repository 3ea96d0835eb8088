package main

import (
	"strings"
	"testing"

	"daca/services/internal/contract"
	"daca/services/internal/sidecar/sidecartest"
)

// TestRefusesAStoreWithoutETags holds that the service does not count on a store on which
// two replicas could overwrite each other's counts.
func TestRefusesAStoreWithoutETags(t *testing.T) {
	t.Parallel()
	sidecar := sidecartest.Start(t, contract.StateStore, "TTL", "TRANSACTIONAL")
	err := run(t.Context(), []string{"HOST=127.0.0.1", "PORT=0", "DAPR_GRPC_PORT=" + sidecar}, t.Output())
	if err == nil || !strings.Contains(err.Error(), `state store "statestore" has no ETags`) {
		t.Errorf("run = %v; want an error that names the store", err)
	}
}

// TestNamesAStoreThatForgetsNothing holds that /readyz says so.
func TestNamesAStoreThatForgetsNothing(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		capabilities []string
		want         bool
	}{{[]string{"ETAG"}, true}, {[]string{"ETAG", "TTL"}, false}} {
		cfg, err := parseConfig([]string{"DAPR_GRPC_PORT=" + sidecartest.Start(t, contract.StateStore, tc.capabilities...)})
		if err != nil {
			t.Fatal(err)
		}
		dapr, err := newDaprClient(cfg)
		if err != nil {
			t.Fatal(err)
		}
		risks := dapr.Risks(t.Context())
		dapr.Close()
		if risks == nil || strings.Contains(risks.Error(), "the state store grows for ever") != tc.want {
			t.Errorf("with %q the risks are %v; want the growth among them: %t", tc.capabilities, risks, tc.want)
		}
	}
}
