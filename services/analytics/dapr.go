package main

import (
	"context"
	"slices"
	"strings"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"

	"daca/services/internal/contract"
	"daca/services/internal/serve"
	"daca/services/internal/sidecar"
)

// daprClient is what the analytics service asks of its sidecar.
type daprClient struct {
	*sidecar.Sidecar
}

// newDaprClient does not connect: the sidecar may start later than the service.
func newDaprClient(cfg config) (*daprClient, error) {
	s, err := sidecar.Dial(cfg.Connection)
	if err != nil {
		return nil, err
	}
	return &daprClient{s}, nil
}

// Risks returns an error if the sidecar is set so that events could get lost, or stay
// where they are, or if its state store cannot do all that it is asked for. It returns
// nil if the sidecar cannot be asked; Ping reports that.
func (c *daprClient) Risks(ctx context.Context) error {
	meta, err := c.Dapr.GrpcClient().GetMetadata(ctx, &runtimev1.GetMetadataRequest{})
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	var risks []string
	app := meta.GetAppConnectionProperties()
	if app.GetMaxConcurrency() > 0 {
		risks = append(risks, "events wait for requests: start the sidecar without app-max-concurrency")
	}
	if app.GetHealth() != nil {
		risks = append(risks, "deliveries can stop for good after a pause: start the sidecar without app health checks")
	}
	if len(meta.GetResiliencies()) == 0 {
		risks = append(risks, "an event that fails once is lost: give the sidecar a Resiliency with endless retries")
	}
	if slices.Contains(meta.GetEnabledFeatures(), "HotReload") {
		risks = append(risks, "deliveries can stop for good after a change of a resource: "+
			"switch HotReload off in the Configuration of the sidecar")
	}
	for _, component := range meta.GetRegisteredComponents() {
		if component.GetName() == contract.StateStore && !slices.Contains(component.GetCapabilities(), sidecar.TTL) {
			risks = append(risks, "the state store grows for ever: it cannot forget the ids of old events")
		}
	}
	if len(risks) == 0 {
		return nil
	}
	return serve.Reason(strings.Join(risks, "; "))
}
