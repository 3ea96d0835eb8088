package main

import (
	"context"
	"errors"
	"fmt"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/dapr/go-sdk/client"
	"google.golang.org/grpc"

	"daca/services/internal/contract"
	"daca/services/internal/serve"
)

// sidecar is the Dapr sidecar of this service.
type sidecar struct {
	dapr client.Client
	conn *grpc.ClientConn
}

func newSidecar(cfg config) (*sidecar, error) {
	conn, err := serve.DialSidecar(cfg.DaprEndpoint, cfg.DaprPort, cfg.DaprToken)
	if err != nil {
		return nil, err
	}
	return &sidecar{dapr: client.NewClientWithConnection(conn), conn: conn}, nil
}

func (s *sidecar) Close() { s.dapr.Close() }

// Ping reports why the sidecar cannot be reached.
func (s *sidecar) Ping(ctx context.Context) error {
	if _, err := s.dapr.GetMetadata(ctx); err != nil {
		return fmt.Errorf("asking the Dapr sidecar at %s for its metadata: %w", s.conn.Target(), err)
	}
	return nil
}

// OneAtATime reports that the sidecar makes requests to this service that overlap:
// daprd up to 1.18.2 may then take the failure of one for another's, and lose an
// event. Where the sidecar cannot be asked it returns nil: Ping reports that.
func (s *sidecar) OneAtATime(ctx context.Context) error {
	meta, err := s.dapr.GrpcClient().GetMetadata(ctx, &runtimev1.GetMetadataRequest{})
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	if n := meta.GetAppConnectionProperties().GetMaxConcurrency(); n != 1 {
		return errors.New("events can get lost: start the sidecar with app-max-concurrency 1")
	}
	return nil
}

// Get returns the value under the key and its ETag; both are empty where there
// is none.
func (s *sidecar) Get(ctx context.Context, key string) (value []byte, etag string, err error) {
	item, err := s.dapr.GetState(ctx, contract.StateStore, key, nil)
	if err != nil {
		return nil, "", fmt.Errorf("reading key %q of state store %q: %w", key, contract.StateStore, err)
	}
	return item.Value, item.Etag, nil
}

// Put writes the value if the key still has the ETag or, with an empty one,
// if there is no such key. An error does not say that nothing was written.
func (s *sidecar) Put(ctx context.Context, key string, value []byte, etag string) error {
	// Without options the SDK sends last-write, and the ETag is ignored.
	err := s.dapr.SaveStateWithETag(ctx, contract.StateStore, key, value, etag, nil,
		client.WithConcurrency(client.StateConcurrencyFirstWrite),
		client.WithConsistency(client.StateConsistencyStrong))
	if err != nil {
		return fmt.Errorf("writing key %q of state store %q: %w", key, contract.StateStore, err)
	}
	return nil
}

// Publish sends an encoded CloudEvent to the topic.
func (s *sidecar) Publish(ctx context.Context, topic string, event []byte) error {
	err := s.dapr.PublishEvent(ctx, contract.PubSub, topic, event,
		client.PublishEventWithContentType(contract.CloudEventsContentType))
	if err != nil {
		return fmt.Errorf("publishing to topic %q of %q: %w", topic, contract.PubSub, err)
	}
	return nil
}
