// Package stack starts the services without a cluster: chat and analytics with a
// sidecar each, a Redis, and the offline model. `make run` (services/local) uses it,
// and the tests in services/flow use it to stop, kill and restart each part.
package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Options are what all parts of a stack share.
type Options struct {
	Daprd      string // the sidecar's program, see Daprd
	Bin        string // directory with the services' programs, see Build
	Components string // directory of the Dapr resources
	Dir        string // directory for generated resources and the spool; must exist

	RedisAddr     string // host:port; empty if no component is on Redis, see UsesRedis
	RedisPassword string
	Values        map[string]string // for metadata entries of components, see Rendering
	// Suffix is appended to the app ids. Stacks with the same servers need different ones.
	Suffix string

	Env          []string // of every process
	LogLevel     string   // of the services; empty is info
	DaprLogLevel string   // of the sidecars; empty is warn
	Output       *Output  // takes what all processes print; nil discards it
}

// Stack holds the parts that were made with it. Its methods and those of its parts
// may be called concurrently.
type Stack struct {
	opts   Options
	singly bool // events are delivered one in each request

	mu        sync.Mutex
	services  []*Service
	processes []*Process
}

// New renders the Dapr resources into the stack's directory. It starts nothing: the
// caller makes and starts the parts one by one. If a Subscription is not a bulk one, the
// sidecars of analytics get --app-max-concurrency 1, which keeps single deliveries exact.
func New(opts Options) (*Stack, error) {
	if opts.LogLevel == "" {
		opts.LogLevel = "info"
	}
	if opts.DaprLogLevel == "" {
		opts.DaprLogLevel = "warn"
	}
	for _, path := range []*string{&opts.Daprd, &opts.Bin, &opts.Components, &opts.Dir} {
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return nil, fmt.Errorf("resolving %s: %w", *path, err)
		}
		*path = absolute
	}
	s := &Stack{opts: opts}
	rendering := Rendering{
		Source: opts.Components, Target: s.resources(),
		RedisHost: opts.RedisAddr, RedisPassword: opts.RedisPassword, Suffix: opts.Suffix, Values: opts.Values,
	}
	if err := rendering.Render(); err != nil {
		return nil, err
	}
	if err := s.writeNames(); err != nil {
		return nil, err
	}
	var err error
	s.singly, err = deliversSingly(opts.Components)
	return s, err
}

func (s *Stack) resources() string { return filepath.Join(s.opts.Dir, "resources") }

// process makes a process that Watch and Close take care of.
func (s *Stack) process(command Command) *Process {
	command.Dir = s.opts.Dir
	command.Output = s.opts.Output
	command.Env = slices.Concat(s.opts.Env, command.Env)
	p := NewProcess(command)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.processes = append(s.processes, p)
	return p
}

// Watch waits until one of the processes that run now, or one of the others, ends
// without having been stopped, and returns how it ended. It returns nil if ctx ends
// first.
func (s *Stack) Watch(ctx context.Context, others ...*Process) error {
	s.mu.Lock()
	processes := slices.Concat(s.processes, others)
	s.mu.Unlock()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ends := make(chan error, len(processes))
	var watching sync.WaitGroup
	for _, p := range processes {
		watching.Go(func() {
			select {
			case <-p.Done():
				if err := p.Wait(); err != nil {
					ends <- err
					cancel()
				}
			case <-ctx.Done():
			}
		})
	}
	watching.Wait()
	select {
	case err := <-ends:
		return err
	default:
		return nil
	}
}

// Close stops every part: first the apps that have a sidecar, because they drain
// through it, then all sidecars at once, then the other apps. Of two apps, the one
// that was made last stops first. When ctx ends, Close kills the rest. It removes
// the rendered resources, because they may hold a password.
func (s *Stack) Close(ctx context.Context) error {
	s.mu.Lock()
	services := slices.Clone(s.services)
	for _, p := range s.processes {
		p.command.release() // a process that was never started still holds its ports
	}
	s.mu.Unlock()
	slices.Reverse(services)

	var errs []error
	for _, service := range services {
		if service.Sidecar != nil {
			errs = append(errs, service.App.Stop(ctx))
		}
	}
	sidecarErrs := make([]error, len(services))
	var stopping sync.WaitGroup
	for i, service := range services {
		if service.Sidecar != nil {
			stopping.Go(func() { sidecarErrs[i] = service.Sidecar.Stop(ctx) })
		}
	}
	stopping.Wait()
	for _, service := range services {
		if service.Sidecar == nil {
			errs = append(errs, service.App.Stop(ctx))
		}
	}
	errs = append(errs, sidecarErrs...)
	errs = append(errs, os.RemoveAll(s.resources()), os.RemoveAll(filepath.Dir(s.names())))
	return errors.Join(errs...)
}

// BaseEnv returns environ without the variables that hold an address, a port or a
// secret. Each part gets those that it needs in its own environment.
func BaseEnv(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		for _, prefix := range []string{"DAPR_", "OPENAI_", "GEMINI_", "REDIS_"} {
			if strings.HasPrefix(name, prefix) {
				return true
			}
		}
		own := []string{"HOST", "PORT", "APP_API_TOKEN", "SPOOL_PATH", "LOG_FORMAT", "LOG_LEVEL"}
		return slices.Contains(own, name)
	})
}
