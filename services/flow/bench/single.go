package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"daca/services/internal/stack"
)

// single is the subscriber without work behind a sidecar with Dapr's defaults, which
// delivers each event in a request of its own.
func (b *bench) single(ctx context.Context) (*subscriber, error) {
	s, err := b.newSubscriber(ctx, "single")
	if err != nil {
		return nil, err
	}
	if err := b.addDefaultSidecar(ctx, s); err != nil {
		return nil, errors.Join(err, s.stop(ctx))
	}
	return s, nil
}

// defaultResources have nothing set that has a default, at the Redis of redisInFile.
//
//go:embed single.yaml
var defaultResources string

const redisInFile = "localhost:6379"

func (b *bench) addDefaultSidecar(ctx context.Context, s *subscriber) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	resources := filepath.Join(b.dir, "default-resources")
	text := strings.ReplaceAll(defaultResources, redisInFile, s.client.Options().Addr)
	err := errors.Join(
		os.MkdirAll(resources, 0o755),
		os.WriteFile(filepath.Join(resources, "pubsub.yaml"), []byte(text), 0o600),
	)
	if err != nil {
		return fmt.Errorf("writing the resources of Dapr's defaults: %w", err)
	}
	ports, release, err := stack.FreePorts(4)
	if err != nil {
		return err
	}
	release()
	s.group = fmt.Sprint("noop-", os.Getpid())
	env := stack.BaseEnv(os.Environ())
	noop := stack.NewProcess(stack.Command{
		Name: "noop", Path: filepath.Join(b.noops, noopProgram), Dir: b.dir, Ports: ports[:1],
		Env: append(env, "HOST=127.0.0.1", "PORT="+strconv.Itoa(ports[0])),
	})
	sidecar := stack.NewProcess(stack.Command{
		Name: "noop-dapr", Path: b.daprd, Dir: b.dir, Ports: ports[1:],
		Env: append(env, "DAPR_HOST_IP=127.0.0.1"),
		Args: []string{
			"--app-id", s.group, "--app-port", strconv.Itoa(ports[0]), "--app-protocol", "http",
			"--dapr-http-port", strconv.Itoa(ports[1]), "--dapr-grpc-port", strconv.Itoa(ports[2]),
			"--dapr-internal-grpc-port", strconv.Itoa(ports[3]),
			"--dapr-listen-addresses", "127.0.0.1", "--dapr-internal-grpc-listen-address", "127.0.0.1",
			"--resources-path", resources, "--enable-metrics=false", "--log-level", "warn",
		},
	})
	for _, process := range []*stack.Process{noop, sidecar} {
		if err := process.Start(ctx); err != nil {
			return err
		}
		s.close = append(s.close, process.Stop)
	}
	s.readers = []*stack.Process{sidecar}
	s.parts = append(s.parts, part{"sidecar", []*stack.Process{sidecar}}, part{"service", []*stack.Process{noop}})
	return stack.WaitReady(ctx, fmt.Sprintf("http://127.0.0.1:%d/v1.0/healthz", ports[1]), noop, sidecar)
}
