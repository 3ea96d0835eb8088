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
	names      string // configuration by which sidecars find each other, see writeNames
	logLevel   string
	subscribes bool // it delivers events
	singly     bool // one in each request, see deliversSingly
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
		"--config", s.names,
		"--config", filepath.Join(s.resources, ConfigurationFile), // wins
		"--enable-metrics=false",
		"--dapr-graceful-shutdown-seconds", strconv.Itoa(int(sidecarShutdown.Seconds())),
		"--log-level", s.logLevel,
	}
	if s.subscribes {
		args = append(args,
			// All subscriptions are resources. If daprd asked the app for more and got
			// no answer, it would make no subscription at all.
			"--disable-init-endpoints", "subscribe",
		)
	}
	if s.subscribes && s.singly {
		// When single deliveries overlap, daprd may take the failure of one for the
		// failure of another, and loses events. No resource can say this.
		args = append(args, "--app-max-concurrency", "1")
	}
	return args
}
