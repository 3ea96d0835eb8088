// Package stack starts the suite without a cluster: chat and analytics with a
// sidecar each, a Redis, and the offline model. The launcher (services/local) uses
// it for `make run`, and tests use it to stop, kill and restart each part.
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

	RedisAddr     string // host:port
	RedisPassword string
	// Suffix is appended to the app ids. Stacks on one machine need different
	// ones, for the sidecars find each other by app id.
	Suffix string

	Env          []string // of every process
	LogLevel     string   // of the services; empty is info
	DaprLogLevel string   // of the sidecars; empty is warn
	Output       *Output  // takes what all processes print; nil discards it
}

// Stack knows the parts that were made with it. Its methods and those of its
// parts may be called concurrently.
type Stack struct {
	opts Options

	mu        sync.Mutex
	services  []*Service
	processes []*Process
}

// New renders the Dapr resources into the stack's directory. Parts are made and
// started one by one after it.
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
		RedisHost: opts.RedisAddr, RedisPassword: opts.RedisPassword, Suffix: opts.Suffix,
	}
	if err := rendering.Render(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Stack) resources() string { return filepath.Join(s.opts.Dir, "resources") }

// process makes a process of the stack, which Watch and Close know.
func (s *Stack) process(command Command) *Process {
	command.Dir, command.Output = s.opts.Dir, s.opts.Output
	command.Env = slices.Concat(s.opts.Env, command.Env)
	p := NewProcess(command)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.processes = append(s.processes, p)
	return p
}

// Watch waits until a process that runs now ends without having been stopped,
// and returns how; nil if ctx ends first.
func (s *Stack) Watch(ctx context.Context) error {
	s.mu.Lock()
	processes := slices.Clone(s.processes)
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

// Close stops every part, the last one made first: the apps, which drain
// through their sidecars, then all sidecars at once, then what has none. When
// ctx ends, the rest is killed. The rendered resources are removed, for they
// may hold a password.
func (s *Stack) Close(ctx context.Context) error {
	s.mu.Lock()
	services := slices.Clone(s.services)
	for _, p := range s.processes {
		p.command.release() // those never started hold ports still
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
	errs = append(errs, os.RemoveAll(s.resources()))
	return errors.Join(errs...)
}

// BaseEnv returns environ without the variables that name an address, a port or
// a secret, which each part gets for itself where it needs one.
func BaseEnv(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		for _, prefix := range []string{"DAPR_", "OPENAI_", "GEMINI_", "REDIS_"} {
			if strings.HasPrefix(name, prefix) {
				return true
			}
		}
		return slices.Contains([]string{"HOST", "PORT", "APP_API_TOKEN", "SPOOL_PATH", "LOG_FORMAT", "LOG_LEVEL"}, name)
	})
}
