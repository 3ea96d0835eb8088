package sidecar

import (
	"errors"
	"net"

	"daca/services/internal/serve"
)

// Connection is what every service with a sidecar reads from the environment to find
// it. See serve.ParseEnv.
type Connection struct {
	DaprEndpoint string `env:"DAPR_GRPC_ENDPOINT"`                // host:port; empty is DaprPort on loopback
	DaprPort     int    `env:"DAPR_GRPC_PORT" envDefault:"50001"` // port of the gRPC API
	DaprToken    string `env:"DAPR_API_TOKEN"`                    // for Dapr's API authentication; empty sends none
}

// Validate returns an error that names every variable with a value that cannot
// be used.
func (c Connection) Validate() error {
	return errors.Join(
		serve.Require(c.DaprEndpoint == "" || isHostPort(c.DaprEndpoint), "DAPR_GRPC_ENDPOINT", "host:port"),
		serve.Require(c.DaprPort > 0 && c.DaprPort < 65536, "DAPR_GRPC_PORT", "a port from 1 to 65535"),
	)
}

func isHostPort(address string) bool {
	host, port, err := net.SplitHostPort(address)
	return err == nil && host != "" && port != ""
}
