package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/dapr/go-sdk/client"
	"golang.org/x/sync/errgroup"

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

// maxLone limits how many keys are read at a time, each in a call of its own.
const maxLone = 16

// Get implements store. What the sidecar does not find among many keys, it is asked for
// alone: some components of Dapr 1.18 take a connection that breaks during such a read
// for the end of the answer, and the keys that are left for missing ones.
func (c *daprClient) Get(ctx context.Context, keys ...string) ([]stored, error) {
	found := make([]stored, len(keys))
	if len(keys) > 1 {
		if err := c.getMany(ctx, keys, found); err != nil {
			return nil, err
		}
	}
	var reading errgroup.Group
	reading.SetLimit(maxLone)
	for i, key := range keys {
		if found[i].etag != "" || len(found[i].value) > 0 {
			continue
		}
		reading.Go(func() error {
			item, err := c.Dapr.GetState(ctx, contract.StateStore, key, nil)
			if err != nil {
				return fmt.Errorf("reading key %q of state store %q: %w", key, contract.StateStore, err)
			}
			found[i] = stored{item.Value, item.Etag}
			return nil
		})
	}
	if err := reading.Wait(); err != nil {
		return nil, err
	}
	return found, nil
}

// getMany sets what is found under the keys.
func (c *daprClient) getMany(ctx context.Context, keys []string, found []stored) error {
	done := 0
	for part := range slices.Chunk(keys, maxKeys) {
		items, err := c.Dapr.GetBulkState(ctx, contract.StateStore, part, nil, int32(len(part)))
		if err != nil {
			return fmt.Errorf("reading %s of state store %q: %w", names(part), contract.StateStore, err)
		}
		byKey := make(map[string]stored, len(items))
		for _, item := range items {
			if item.Error != "" {
				return fmt.Errorf("reading key %q of state store %q: %s", item.Key, contract.StateStore, item.Error)
			}
			byKey[item.Key] = stored{item.Value, item.Etag}
		}
		for i, key := range part {
			found[done+i] = byKey[key]
		}
		done += len(part)
	}
	return nil
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
