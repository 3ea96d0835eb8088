package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"daca/services/internal/stack"
	"daca/services/local/steps"
)

const readyTimeout = time.Minute

// launcher starts the suite from a configuration and from programs that it
// looks for or builds first.
type launcher struct {
	cfg        config
	environ    []string
	term       *steps.Terminal
	components string
	bin        string
	daprd      func(ctx context.Context, progress func(string)) (string, error)
	build      func(ctx context.Context) error
	discovery  time.Duration // for the sidecars to find each other
}

// suite is what runs.
type suite struct {
	stack           *stack.Stack
	redis           *stack.EmbeddedRedis // nil when REDIS_HOST names another
	chat, analytics *stack.Service
}

// launch starts everything, tells how to use it, and stops it in order when ctx
// ends. It fails when a part cannot be started, or ends by itself.
func (l launcher) launch(ctx context.Context) error {
	begin := time.Now()
	var s suite
	defer l.stop(ctx, &s)
	l.term.Print("Starting the suite on this machine.\n")
	err := l.term.Step(ctx, "Ports are free", func(ctx context.Context, _ func(string)) error { return l.cfg.checkFree(ctx) })
	if err != nil {
		return unlessStopped(ctx, err)
	}
	unlock, err := l.lock()
	if err != nil {
		return err
	}
	defer unlock()
	daprd, err := l.programs(ctx)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	if err := l.start(ctx, daprd, &s); err != nil {
		return unlessStopped(ctx, l.cfg.explain(err))
	}
	lost := l.discover(ctx, s)
	if lost != nil && !errors.Is(lost, context.DeadlineExceeded) {
		return unlessStopped(ctx, lost)
	}
	l.term.Print(l.cfg.banner(time.Since(begin)))
	if lost != nil {
		l.term.Print(noDiscovery(lost))
	}
	return s.stack.Watch(ctx)
}

// unlessStopped returns nil in place of an error that is only a consequence of
// the user's Ctrl-C.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

// lock makes sure that no other launcher uses the directory.
func (l launcher) lock() (unlock func(), err error) {
	if err := os.MkdirAll(l.cfg.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("DACA_DIR: %w", err)
	}
	lock := flock.New(filepath.Join(l.cfg.Dir, "lock"))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("DACA_DIR: locking the directory: %w", err)
	}
	if !locked {
		return nil, fmt.Errorf("another suite runs with the directory %s; stop it, or set DACA_DIR to another directory", l.cfg.Dir)
	}
	return func() { _ = lock.Unlock() }, nil
}

// sidecarProgram finds daprd or builds it.
func (l launcher) sidecarProgram(ctx context.Context) (daprd string, err error) {
	err = l.term.Step(ctx, "Sidecar program (daprd) is there", func(ctx context.Context, progress func(string)) error {
		daprd, err = l.daprd(ctx, progress)
		return err
	})
	return daprd, err
}

// programs has the sidecar's program, and builds the services.
func (l launcher) programs(ctx context.Context) (daprd string, err error) {
	daprd, err = l.sidecarProgram(ctx)
	if err != nil {
		return "", err
	}
	return daprd, l.term.Step(ctx, "Services are built", func(ctx context.Context, progress func(string)) error {
		progress("building the services")
		return l.build(ctx)
	})
}

// start starts the parts one after the other, and leaves in s what has to be
// stopped, also when it fails.
func (l launcher) start(ctx context.Context, daprd string, s *suite) error {
	addr := l.cfg.RedisHost
	if addr == "" {
		s.redis = stack.NewEmbeddedRedis()
		if err := s.redis.Start(ctx); err != nil {
			return err
		}
		addr = s.redis.Addr()
	} else if err := stack.Ping(ctx, addr, l.cfg.RedisPassword); err != nil {
		return fmt.Errorf("REDIS_HOST or REDIS_PASSWORD: %w", err)
	}
	var err error
	s.stack, err = stack.New(stack.Options{
		Daprd: daprd, Bin: l.bin, Components: l.components, Dir: l.cfg.Dir,
		RedisAddr: addr, RedisPassword: l.cfg.RedisPassword,
		Env: stack.BaseEnv(l.environ), LogLevel: l.cfg.LogLevel, DaprLogLevel: l.cfg.DaprLogLevel,
		Output: stack.NewOutput(l.term, l.term.Interactive() && l.cfg.NoColour == ""),
	})
	if err != nil {
		return err
	}
	if l.cfg.offline() {
		model, err := s.stack.Model(stack.ServiceOptions{Ports: stack.Ports{App: l.cfg.ModelPort}})
		if err := l.up(ctx, "Offline model is up", model, err); err != nil {
			return err
		}
	}
	s.analytics, err = s.stack.Analytics(stack.ServiceOptions{Ports: stack.Ports{
		App: l.cfg.AnalyticsPort, DaprHTTP: l.cfg.DaprHTTP, DaprGRPC: l.cfg.DaprGRPC, DaprInternal: l.cfg.DaprInternal,
	}})
	if err := l.up(ctx, "Analytics service is ready", s.analytics, err); err != nil {
		return err
	}
	s.chat, err = s.stack.Chat(stack.ServiceOptions{Env: l.cfg.modelEnv(), Ports: stack.Ports{
		App: l.cfg.ChatPort, DaprHTTP: l.cfg.ChatDaprHTTP, DaprGRPC: l.cfg.ChatDaprGRPC, DaprInternal: l.cfg.ChatDaprInternal,
	}})
	return l.up(ctx, "Chat service is ready", s.chat, err)
}

// up starts a service and waits until it is ready. An error from making the
// service is returned as it is.
func (l launcher) up(ctx context.Context, done string, service *stack.Service, err error) error {
	if err != nil {
		return err
	}
	return l.term.Step(ctx, done, func(ctx context.Context, progress func(string)) error {
		progress("starting " + service.App.Name())
		if err := service.Start(ctx); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, readyTimeout)
		defer cancel()
		if err := service.WaitReady(ctx); err != nil {
			return fmt.Errorf("%s did not become ready: %w", service.App.Name(), err)
		}
		return nil
	})
}

// discover asks for analytics through chat's sidecar. It fails with
// context.DeadlineExceeded if the two do not find each other.
func (l launcher) discover(ctx context.Context, s suite) error {
	return l.term.Step(ctx, "Sidecars find each other", func(ctx context.Context, progress func(string)) error {
		progress("waiting until the sidecars find each other")
		ctx, cancel := context.WithTimeout(ctx, l.discovery)
		defer cancel()
		return stack.WaitReady(ctx, s.chat.DaprURL+"/v1.0/invoke/"+s.analytics.AppID+"/method/healthz", s.chat.Sidecar, s.analytics.Sidecar)
	})
}

// stop stops what was started, in order. A Ctrl-C while it waits kills the rest.
func (l launcher) stop(ctx context.Context, s *suite) {
	if s.stack == nil && ctx.Err() != nil {
		l.term.Print("Stopped.")
	}
	impatient, done := signal.NotifyContext(context.WithoutCancel(ctx), os.Interrupt, syscall.SIGTERM)
	defer done()
	if s.stack != nil {
		l.term.Print("\nStopping; Ctrl-C again stops at once.")
		if err := s.stack.Close(impatient); err != nil {
			l.term.Print("Not stopped in good order: " + err.Error())
		}
		l.term.Print("Everything is stopped.")
	}
	if s.redis != nil {
		_ = s.redis.Stop(impatient)
	}
}
