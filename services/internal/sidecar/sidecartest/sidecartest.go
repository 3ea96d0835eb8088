// Package sidecartest has a sidecar for unit tests.
package sidecartest

import (
	"context"
	"net"
	"strconv"
	"testing"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc"
)

// metadataServer is a sidecar that only says what it has.
type metadataServer struct {
	runtimev1.UnimplementedDaprServer
	answer *runtimev1.GetMetadataResponse
}

// GetMetadata implements runtimev1.DaprServer.
func (s metadataServer) GetMetadata(
	context.Context, *runtimev1.GetMetadataRequest,
) (*runtimev1.GetMetadataResponse, error) {
	return s.answer, nil
}

// Start starts a sidecar that has one component, and can do nothing. It returns the
// port of its gRPC API.
func Start(t testing.TB, component string, capabilities ...string) (port string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	runtimev1.RegisterDaprServer(server, metadataServer{answer: &runtimev1.GetMetadataResponse{
		RegisteredComponents: []*runtimev1.RegisteredComponents{{Name: component, Capabilities: capabilities}},
	}})
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-served })
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}
