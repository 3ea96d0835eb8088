package serve

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

// DialSidecar prepares a connection to the gRPC API of the service's Dapr
// sidecar at address (host:port) or, where that is empty, at the port on
// loopback. It connects when it is first used, and again whenever the
// connection broke, so that service and sidecar may start in any order. A token
// that is not empty is sent with every call, as Dapr's API authentication asks.
func DialSidecar(address string, port int, token string) (*grpc.ClientConn, error) {
	if address == "" {
		address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
	conn, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		// gRPC's own delays grow to two minutes: too long for a sidecar that is back.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: 2 * time.Second,
		}),
		grpc.WithUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			if token != "" {
				ctx = metadata.AppendToOutgoingContext(ctx, "dapr-api-token", token)
			}
			return invoke(ctx, method, req, reply, cc, opts...)
		}))
	if err != nil {
		return nil, fmt.Errorf("preparing the connection to the Dapr sidecar at %s: %w", address, err)
	}
	return conn, nil
}
