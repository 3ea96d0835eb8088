package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"daca/services/internal/contract"
)

const appGrace = 25 * time.Second // longer than the grace period of the services

// Ports of a service and of its sidecar.
type Ports struct {
	App          int
	DaprHTTP     int
	DaprGRPC     int
	DaprInternal int // for other sidecars
}

// fill sets each port that is 0 to a free one, which stays taken until release is
// called.
func fill(ports ...*int) (release func(), err error) {
	ports = slices.DeleteFunc(ports, func(port *int) bool { return *port != 0 })
	free, release, err := FreePorts(len(ports))
	if err != nil {
		return nil, err
	}
	for i, port := range ports {
		*port = free[i]
	}
	return release, nil
}

// ServiceOptions say how one replica of a service differs from the defaults.
type ServiceOptions struct {
	Name     string   // in output and errors; empty takes the name of the service
	Env      []string // added last, so that it wins
	DaprArgs []string // arguments of the sidecar, added last, so that they win
	Ports    Ports    // each port that is 0 becomes a free one
	// SidecarAppPort is the port of a proxy through which the sidecar reaches the
	// app; 0 if there is none.
	SidecarAppPort int
}

// Service is one replica of a service with its sidecar. Each of the two processes
// can also be stopped, killed and started alone.
type Service struct {
	App     *Process
	Sidecar *Process // nil for the model, which needs no sidecar
	AppID   string
	Ports   Ports
	URL     string // of the app, without a slash at the end
	DaprURL string // of the sidecar's HTTP API

	probes []string // URLs that WaitReady asks, in this order
}

// Chat returns one replica of the chat service, not started yet. Replicas need
// names of their own.
func (s *Stack) Chat(o ServiceOptions) (*Service, error) {
	o.Name = cmp.Or(o.Name, "chat")
	id := appID(contract.ChatApp, s.opts.Suffix)
	o.Env = slices.Concat([]string{
		"ANALYTICS_APP_ID=" + appID(contract.AnalyticsApp, s.opts.Suffix),
		"SPOOL_PATH=" + filepath.Join(s.opts.Dir, o.Name+"-spool.db"),
	}, o.Env)
	return s.service("chat", id, false, o)
}

// Analytics returns one replica of the analytics service, not started yet.
// Replicas need names of their own.
func (s *Stack) Analytics(o ServiceOptions) (*Service, error) {
	return s.service("analytics", appID(contract.AnalyticsApp, s.opts.Suffix), true, o)
}

// Model returns the offline model, which is not started yet.
func (s *Stack) Model(o ServiceOptions) (*Service, error) {
	return s.service("model", "", false, o)
}

func (s *Stack) service(program, id string, subscribes bool, o ServiceOptions) (*Service, error) {
	o.Name = cmp.Or(o.Name, program)
	ports := []*int{&o.Ports.App}
	if id != "" {
		ports = append(ports, &o.Ports.DaprHTTP, &o.Ports.DaprGRPC, &o.Ports.DaprInternal)
	}
	// All ports are given up when the first of the two processes starts. If the port
	// of the app were still held then, the sidecar would take the holder for the app.
	release, err := fill(ports...)
	if err != nil {
		return nil, fmt.Errorf("preparing %s: %w", o.Name, err)
	}
	service := &Service{AppID: id, Ports: o.Ports, URL: "http://" + loopback(o.Ports.App)}
	service.App = s.process(Command{
		Name:    o.Name,
		Path:    filepath.Join(s.opts.Bin, program),
		Ports:   []int{o.Ports.App},
		Grace:   appGrace,
		release: release,
		Env: slices.Concat([]string{
			"HOST=127.0.0.1",
			"PORT=" + strconv.Itoa(o.Ports.App),
			"DAPR_GRPC_PORT=" + strconv.Itoa(o.Ports.DaprGRPC),
			"DAPR_HTTP_PORT=" + strconv.Itoa(o.Ports.DaprHTTP),
			"LOG_FORMAT=text",
			"LOG_LEVEL=" + s.opts.LogLevel,
		}, o.Env),
	})
	service.probes = []string{service.URL + "/healthz"}
	if id != "" {
		service.addSidecar(s, subscribes, o, release)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.services = append(s.services, service)
	return service, nil
}

func (s *Service) addSidecar(of *Stack, subscribes bool, o ServiceOptions, release func()) {
	flags := sidecar{
		appID:      s.AppID,
		appPort:    cmp.Or(o.SidecarAppPort, o.Ports.App),
		ports:      o.Ports,
		resources:  of.resources(),
		names:      of.names(),
		logLevel:   of.opts.DaprLogLevel,
		subscribes: subscribes,
		singly:     of.singly,
	}
	s.Sidecar = of.process(Command{
		Name:    o.Name + "-dapr",
		Path:    of.opts.Daprd,
		Args:    append(flags.args(), o.DaprArgs...),
		Ports:   []int{o.Ports.DaprHTTP, o.Ports.DaprGRPC, o.Ports.DaprInternal},
		Grace:   sidecarGrace,
		release: release,
		Env:     []string{"DAPR_HOST_IP=127.0.0.1"}, // the address by which others find it
	})
	s.DaprURL = "http://" + loopback(o.Ports.DaprHTTP)
	s.probes = []string{s.URL + "/readyz", s.DaprURL + "/v1.0/healthz"}
	if subscribes {
		// It answers once the sidecar has found the app healthy and delivers to it.
		s.probes = append(s.probes, s.InvokeURL(s, "healthz"))
	}
}

// InvokeURL returns where the sidecar of s takes requests for the path, without a
// slash at the start, of another service.
func (s *Service) InvokeURL(other *Service, path string) string {
	return s.DaprURL + "/v1.0/invoke/" + other.AppID + "/method/" + path
}

// Start starts the sidecar, waits until it has its components, and then starts the
// app, which thus reaches the sidecar at its first try. Start does not wait until
// the app is ready; WaitReady does.
func (s *Service) Start(ctx context.Context) error {
	if s.Sidecar != nil {
		if err := s.Sidecar.Start(ctx); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, sidecarStart)
		defer cancel()
		if err := WaitReady(ctx, s.DaprURL+"/v1.0/healthz/outbound", s.Sidecar); err != nil {
			return err
		}
	}
	return s.App.Start(ctx)
}

// WaitReady waits until the app is ready, its sidecar is up, and the sidecar delivers
// to the app. It fails as the function WaitReady does.
func (s *Service) WaitReady(ctx context.Context) error {
	needed := []*Process{s.App}
	if s.Sidecar != nil {
		needed = append(needed, s.Sidecar)
	}
	for _, url := range s.probes {
		if err := WaitReady(ctx, url, needed...); err != nil {
			return err
		}
	}
	return nil
}

// Stop stops first the app, so that it can finish through its sidecar, and then the
// sidecar.
func (s *Service) Stop(ctx context.Context) error {
	err := s.App.Stop(ctx)
	if s.Sidecar != nil {
		err = errors.Join(err, s.Sidecar.Stop(ctx))
	}
	return err
}
