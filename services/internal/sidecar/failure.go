package sidecar

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// failure is the error of a call of the sidecar. Its text may have addresses in it.
type failure struct{ error }

// Unwrap lets status.FromError find the status.
func (f failure) Unwrap() error { return f.error }

// Reason says for /readyz why the call failed, without addresses.
func (f failure) Reason() string {
	switch code := status.Code(f.error); code {
	case codes.Unavailable:
		return "the Dapr sidecar cannot be reached"
	case codes.DeadlineExceeded:
		return "no answer in time"
	default:
		return "the Dapr sidecar answers " + code.String()
	}
}

// explainFailures makes the error of each call a failure.
func explainFailures(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn,
	invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	if err := invoke(ctx, method, req, reply, conn, opts...); err != nil {
		return failure{err}
	}
	return nil
}
