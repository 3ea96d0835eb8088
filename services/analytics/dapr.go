package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/dapr/go-sdk/client"

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

// maxKeys limits the keys of one call: some documents are large.
const maxKeys = 256

// Get implements store. Some components of Dapr 1.18 take a connection that breaks while
// they read many keys for the end of the answer, and the keys that are left for missing
// ones. One key has a call of its own, which fails then.
func (c *daprClient) Get(ctx context.Context, keys ...string) ([]stored, error) {
	if len(keys) == 1 {
		value, etag, err := c.ReadState(ctx, keys[0])
		if err != nil {
			return nil, err
		}
		return []stored{{value, etag}}, nil
	}
	found := make([]stored, 0, len(keys))
	for part := range slices.Chunk(keys, maxKeys) {
		items, err := c.Dapr.GetBulkState(ctx, contract.StateStore, part, nil, int32(len(part)))
		if err != nil {
			return nil, fmt.Errorf("reading %s of state store %q: %w", names(part), contract.StateStore, err)
		}
		byKey := make(map[string]stored, len(items))
		for _, item := range items {
			if item.Error != "" {
				return nil, fmt.Errorf("reading key %q of state store %q: %s", item.Key, contract.StateStore, item.Error)
			}
			byKey[item.Key] = stored{item.Value, item.Etag}
		}
		for _, key := range part {
			found = append(found, byKey[key])
		}
	}
	return found, nil
}

// Put implements store.
func (c *daprClient) Put(ctx context.Context, items ...put) error {
	states := make([]*client.SetStateItem, len(items))
	for i, item := range items {
		states[i] = &client.SetStateItem{
			Key:   item.key,
			Value: item.value,
			// Without these options the SDK sends last-write, and Dapr ignores the ETag.
			Options: &client.StateOptions{
				Concurrency: client.StateConcurrencyFirstWrite,
				Consistency: client.StateConsistencyStrong,
			},
		}
		if item.etag != "" {
			states[i].Etag = &client.ETag{Value: item.etag}
		}
		if item.ttl > 0 {
			states[i].Metadata = map[string]string{"ttlInSeconds": strconv.Itoa(int(item.ttl.Seconds()) + 1)}
		}
	}
	if err := c.Dapr.SaveBulkState(ctx, contract.StateStore, states...); err != nil {
		keys := make([]string, len(items))
		for i, item := range items {
			keys[i] = item.key
		}
		return fmt.Errorf("writing %s of state store %q: %w", names(keys), contract.StateStore, err)
	}
	return nil
}

// names describes the keys in an error.
func names(keys []string) string {
	if len(keys) == 1 {
		return fmt.Sprintf("key %q", keys[0])
	}
	return fmt.Sprintf("%d keys, %q and others,", len(keys), keys[0])
}
