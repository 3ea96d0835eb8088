package main

import (
	"context"
	"errors"
	"testing"
	"time"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/dapr/go-sdk/client"
	"google.golang.org/grpc"

	"daca/services/internal/sidecar"
)

// grpcOnly is a client of which only the calls of gRPC are used.
type grpcOnly struct {
	client.Client
	grpc runtimev1.DaprClient
}

func (c grpcOnly) GrpcClient() runtimev1.DaprClient { return c.grpc }

// takingDapr takes all events.
type takingDapr struct{ runtimev1.DaprClient }

func (takingDapr) BulkPublishEvent(
	context.Context, *runtimev1.BulkPublishRequest, ...grpc.CallOption,
) (*runtimev1.BulkPublishResponse, error) {
	return &runtimev1.BulkPublishResponse{}, nil
}

// lateContext has a deadline that is over, and has not noticed it.
type lateContext struct{ context.Context }

func (lateContext) Deadline() (time.Time, bool) { return time.Now(), true }

// TestASuccessOfManyThatIsLateIsNone holds that events are not published if the sidecar
// reports success after the end of the call.
func TestASuccessOfManyThatIsLateIsNone(t *testing.T) {
	t.Parallel()
	c := &daprClient{Sidecar: &sidecar.Sidecar{Dapr: grpcOnly{grpc: takingDapr{}}}}
	events := [][]byte{[]byte("{}")}
	if err := c.PublishAll(t.Context(), "messages", events); err != nil {
		t.Errorf("PublishAll in time = %v", err)
	}
	if err := c.PublishAll(lateContext{t.Context()}, "messages", events); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("PublishAll after the deadline = %v", err)
	}
}
