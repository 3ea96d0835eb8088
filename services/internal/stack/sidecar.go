package stack

import (
	"path/filepath"
	"strconv"
	"time"
)

// sidecar holds the settings of one daprd.
type sidecar struct {
	appID      string
	appPort    int
	ports      Ports
	resources  string
	logLevel   string
	subscribes bool // it delivers events, one at a time, while the app's /readyz answers
}

// Times of a sidecar. When it is stopped, daprd waits for requests in flight. It is
// killed only well after it should have ended.
const (
	sidecarStart    = 30 * time.Second
	sidecarShutdown = 5 * time.Second
	sidecarGrace    = 12 * time.Second
)

// args are the flags of daprd. It listens on its three ports of the loopback
// interface only.
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
			// With more than one delivery at a time, events get lost: see "A sidecar
			// delivers one event at a time" in DECISIONS.md.
			"--app-max-concurrency", "1",
			// All subscriptions are resources. If daprd asked the app for more and got
			// no answer, it would make no subscription at all.
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
