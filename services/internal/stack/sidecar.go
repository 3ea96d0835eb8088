package stack

import (
	"path/filepath"
	"strconv"
	"time"
)

// sidecar is what one daprd is told.
type sidecar struct {
	appID     string
	appPort   int
	ports     Ports
	resources string
	logLevel  string
	// subscribes: deliver events, one at a time, while the app's /readyz answers.
	subscribes bool
}

// Times of a sidecar. At its stop daprd waits for what is in flight, and is
// killed well after it should have given up.
const (
	sidecarStart    = 30 * time.Second
	sidecarShutdown = 5 * time.Second
	sidecarGrace    = 12 * time.Second
)

// args are the flags of daprd. Everything listens on loopback only.
func (s sidecar) args() []string {
	args := []string{
		"--app-id", s.appID,
		"--app-port", strconv.Itoa(s.appPort),
		"--app-protocol", "http",
		"--dapr-http-port", strconv.Itoa(s.ports.DaprHTTP),
		"--dapr-grpc-port", strconv.Itoa(s.ports.DaprGRPC),
		"--dapr-internal-grpc-port", strconv.Itoa(s.ports.DaprInternal),
		"--dapr-listen-addresses", "127.0.0.1",
		"--dapr-internal-grpc-listen-address", "127.0.0.1",
		"--resources-path", s.resources,
		"--config", filepath.Join(s.resources, ConfigurationFile),
		"--enable-metrics=false",
		"--dapr-graceful-shutdown-seconds", strconv.Itoa(int(sidecarShutdown.Seconds())),
		"--log-level", s.logLevel,
	}
	if s.subscribes {
		args = append(args,
			"--app-max-concurrency", "1", // with more, events get lost: see DECISIONS.md
			// All subscriptions are resources. Where the app does not answer the
			// question for its own, daprd makes none, and never asks again.
			"--disable-init-endpoints", "subscribe",
			"--enable-app-health-check",
			"--app-health-check-path", "/readyz",
			"--app-health-probe-interval", "2",
			"--app-health-probe-timeout", "1500",
			"--app-health-threshold", "3",
		)
	}
	return args
}
