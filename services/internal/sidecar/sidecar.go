// Package sidecar is the Dapr sidecar as every service uses it: connecting,
// checking and publishing. What one service alone asks of its sidecar is in the
// dapr.go of that service.
package sidecar

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/dapr/go-sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"daca/services/internal/contract"
	"daca/services/internal/serve"
)

// Sidecar is a connection to the sidecar of a service.
type Sidecar struct {
	Dapr client.Client

	target     string
	components []string
}

const (
	maxAnswer = 128 << 20 // bytes of an answer of the sidecar

	// Bytes that the sidecar may send before they are read, of one answer and of all.
	streamWindow     = 4 << 20
	connectionWindow = 16 << 20
)

// Dial prepares a connection to the gRPC API of the sidecar. Ping checks that the
// sidecar has the components.
//
// Dial does not connect. The first call does, and so does a call after the
// connection broke, so that service and sidecar may start in any order.
func Dial(cfg Connection, components ...string) (*Sidecar, error) {
	address := cfg.DaprEndpoint
	if address == "" {
		address = net.JoinHostPort("127.0.0.1", strconv.Itoa(cfg.DaprPort))
	}
	messages, err := newCodec()
	if err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		// gRPC's own delays grow to two minutes: too long for a sidecar that is back.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay:  100 * time.Millisecond,
				Multiplier: 1.6,
				Jitter:     0.2,
				MaxDelay:   2 * time.Second,
			},
			MinConnectTimeout: 2 * time.Second,
		}),
		// One answer may hold the documents of many users.
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer), grpc.ForceCodecV2(messages)),
		// gRPC would begin with 64 KiB and learn the size by a ping for each answer.
		grpc.WithStaticStreamWindowSize(streamWindow),
		grpc.WithStaticConnWindowSize(connectionWindow),
		grpc.WithChainUnaryInterceptor(explainFailures, sendToken(cfg.DaprToken)))
	if err != nil {
		return nil, fmt.Errorf("preparing the connection to the Dapr sidecar at %s: %w", address, err)
	}
	return &Sidecar{
		Dapr:       client.NewClientWithConnection(conn),
		target:     conn.Target(),
		components: components,
	}, nil
}

// sendToken adds the token to every call, unless it is empty.
func sendToken(token string) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn,
		invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
	) error {
		if token != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "dapr-api-token", token)
		}
		return invoke(ctx, method, req, reply, conn, opts...)
	}
}

// Close closes the connection.
func (s *Sidecar) Close() { s.Dapr.Close() }

// Ping returns an error if the sidecar cannot be reached or lacks one of the
// components that Dial was given.
func (s *Sidecar) Ping(ctx context.Context) error {
	registered, err := s.registered(ctx)
	if err != nil {
		return err
	}
	for _, name := range s.components {
		if _, ok := registered[name]; !ok {
			return serve.Reason(fmt.Sprintf("the Dapr sidecar has no component %q", name))
		}
	}
	return nil
}

// registered returns the components that the sidecar has, and what they say of
// themselves.
func (s *Sidecar) registered(ctx context.Context) (capabilities map[string][]string, err error) {
	found, err := s.Dapr.GetMetadata(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking the Dapr sidecar at %s for its metadata: %w", s.target, err)
	}
	capabilities = map[string][]string{}
	for _, component := range found.RegisteredComponents {
		capabilities[component.Name] = component.Capabilities
	}
	return capabilities, nil
}

// Publish sends an encoded CloudEvent to the topic.
func (s *Sidecar) Publish(ctx context.Context, topic string, event []byte) error {
	err := s.Dapr.PublishEvent(ctx, contract.PubSub, topic, event,
		client.PublishEventWithContentType(contract.CloudEventsContentType))
	if err == nil {
		err = InTime(ctx)
	}
	if err != nil {
		return fmt.Errorf("publishing to topic %q of %q: %w", topic, contract.PubSub, err)
	}
	return nil
}

// InTime returns an error if ctx has ended. An event counts as published only if the
// sidecar says so before: a component that waits for its broker may give up when the
// call ends, and report success. That answer races with the end of ctx here.
func InTime(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded // ctx itself may notice it later
	}
	return ctx.Err()
}
