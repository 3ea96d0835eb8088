package main

import (
	"context"
	"errors"
	"fmt"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/dapr/go-sdk/client"

	"daca/services/internal/contract"
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

// OneAtATime returns an error if the sidecar may send this service requests that
// overlap: daprd up to 1.18.2 may then take the failure of one request for the
// failure of another, and lose an event. It returns nil if the sidecar cannot be
// asked; Ping reports that.
func (c *daprClient) OneAtATime(ctx context.Context) error {
	meta, err := c.Dapr.GrpcClient().GetMetadata(ctx, &runtimev1.GetMetadataRequest{})
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	if n := meta.GetAppConnectionProperties().GetMaxConcurrency(); n != 1 {
		return errors.New("events can get lost: start the sidecar with app-max-concurrency 1")
	}
	return nil
}

// Get implements store.
func (c *daprClient) Get(ctx context.Context, key string) (value []byte, etag string, err error) {
	item, err := c.Dapr.GetState(ctx, contract.StateStore, key, nil)
	if err != nil {
		return nil, "", fmt.Errorf("reading key %q of state store %q: %w", key, contract.StateStore, err)
	}
	return item.Value, item.Etag, nil
}

// Put implements store.
func (c *daprClient) Put(ctx context.Context, key string, value []byte, etag string) error {
	// Without these options the SDK sends last-write, and Dapr ignores the ETag.
	err := c.Dapr.SaveStateWithETag(ctx, contract.StateStore, key, value, etag, nil,
		client.WithConcurrency(client.StateConcurrencyFirstWrite),
		client.WithConsistency(client.StateConsistencyStrong))
	if err != nil {
		return fmt.Errorf("writing key %q of state store %q: %w", key, contract.StateStore, err)
	}
	return nil
}
