package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"daca/services/internal/stack"
	"daca/services/local/steps"
)

const readyTimeout = time.Minute

// launcher starts all parts as the configuration says, with programs that it
// finds or builds first.
type launcher struct {
	cfg        config
	environ    []string
	term       *steps.Terminal
	components string                                                           // directory of the Dapr resources
	bin        string                                                           // directory of the services' programs
	daprd      func(ctx context.Context, progress func(string)) (string, error) // finds or builds daprd
	page       func(ctx context.Context, progress func(string)) error           // makes the page that chat embeds
	build      func(ctx context.Context, variables ...string) error             // builds the services into bin
	discovery  time.Duration                                                    // how long sidecars get to find each other
	installed  bool                                                             // there is a redis-server
	trimScript string                                                           // path of what trims the streams
	trimEvery  time.Duration
}

// running is what has been started so far. A part that is not yet made is nil.
type running struct {
	redis     stack.Redis // nil if REDIS_HOST names another one, or no component is on Redis
	stack     *stack.Stack
	analytics *stack.Service
	chat      *stack.Service
}

// launch starts everything, prints how to use it, and stops it in order when ctx
// ends. It fails when a part cannot be started, or ends by itself.
func (l *launcher) launch(ctx context.Context) error {
	begin := time.Now()
	var parts running
	defer l.stop(ctx, &parts)
	l.term.Print("Starting the suite on this machine.\n")
	kind, err := l.redisKind()
	if err != nil {
		return err
	}
	if kind != redisNamed {
		l.cfg.RedisPassword = "" // the others have none
	}
	unlock, err := l.lock()
	if err != nil {
		return err
	}
	defer unlock()
	err = l.term.Step(ctx, "Ports are free", func(ctx context.Context, _ func(string)) error {
		return l.cfg.choosePorts(ctx)
	})
	if err != nil {
		return unlessStopped(ctx, err)
	}
	daprd, err := l.programs(ctx)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	redisAddr, err := l.startRedis(ctx, kind, &parts)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	if err := l.start(ctx, daprd, redisAddr, &parts); err != nil {
		return unlessStopped(ctx, l.cfg.explain(err))
	}
	lost := l.discover(ctx, parts)
	if lost != nil && !errors.Is(lost, context.DeadlineExceeded) {
		return unlessStopped(ctx, lost)
	}
	l.term.Print(l.banner(kind, time.Since(begin)))
	if lost != nil {
		l.term.Print(noDiscovery(lost))
	}
	stopTrimming, err := l.trimStreams(ctx, redisAddr)
	if err != nil {
		return err
	}
	defer stopTrimming()
	if server, ok := parts.redis.(*stack.RedisServer); ok {
		return parts.stack.Watch(ctx, server.Process)
	}
	return parts.stack.Watch(ctx)
}

// unlessStopped returns nil in place of an error that is only a consequence of
// the user's Ctrl-C.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

// start starts the parts one after the other. Even when it fails, it leaves in
// parts what has to be stopped.
func (l *launcher) start(ctx context.Context, daprd, redisAddr string, parts *running) (err error) {
	parts.stack, err = stack.New(stack.Options{
		Daprd:         daprd,
		Bin:           l.bin,
		Components:    l.components,
		Dir:           l.cfg.Dir,
		RedisAddr:     redisAddr,
		RedisPassword: l.cfg.RedisPassword,
		Env:           stack.BaseEnv(l.environ),
		LogLevel:      l.cfg.LogLevel,
		DaprLogLevel:  l.cfg.DaprLogLevel,
		Output:        stack.NewOutput(l.term, l.term.Interactive() && l.cfg.NoColour == ""),
	})
	if err != nil {
		return err
	}
	if l.cfg.offline() {
		model, err := parts.stack.Model(stack.ServiceOptions{Ports: stack.Ports{App: l.cfg.ModelPort}})
		if err := l.up(ctx, "Offline model is up", model, err); err != nil {
			return err
		}
	}
	parts.analytics, err = parts.stack.Analytics(stack.ServiceOptions{Ports: stack.Ports{
		App:          l.cfg.AnalyticsPort,
		DaprHTTP:     l.cfg.AnalyticsDaprHTTP,
		DaprGRPC:     l.cfg.AnalyticsDaprGRPC,
		DaprInternal: l.cfg.AnalyticsDaprInternal,
	}})
	if err := l.up(ctx, "Analytics service is ready", parts.analytics, err); err != nil {
		return err
	}
	parts.chat, err = parts.stack.Chat(stack.ServiceOptions{
		Env: append(l.cfg.modelEnv(), l.cfg.toolsEnv()...),
		Ports: stack.Ports{
			App:          l.cfg.ChatPort,
			DaprHTTP:     l.cfg.ChatDaprHTTP,
			DaprGRPC:     l.cfg.ChatDaprGRPC,
			DaprInternal: l.cfg.ChatDaprInternal,
		},
	})
	return l.up(ctx, "Chat service is ready", parts.chat, err)
}

// up starts a service and waits until it is ready. It returns madeErr, the error
// of making the service, as it is.
func (l *launcher) up(ctx context.Context, done string, service *stack.Service, madeErr error) error {
	if madeErr != nil {
		return madeErr
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
// context.DeadlineExceeded if the two sidecars do not find each other.
func (l *launcher) discover(ctx context.Context, parts running) error {
	return l.term.Step(ctx, "Sidecars find each other", func(ctx context.Context, progress func(string)) error {
		progress("waiting until the sidecars find each other")
		ctx, cancel := context.WithTimeout(ctx, l.discovery)
		defer cancel()
		return stack.WaitReady(ctx, parts.chat.InvokeURL(parts.analytics, "healthz"),
			parts.chat.Sidecar, parts.analytics.Sidecar)
	})
}

// stop stops what was started, in order. A Ctrl-C while it waits kills the rest.
func (l *launcher) stop(ctx context.Context, parts *running) {
	impatient, done := signal.NotifyContext(context.WithoutCancel(ctx), os.Interrupt, syscall.SIGTERM)
	defer done()
	if parts.stack == nil {
		if ctx.Err() != nil {
			l.term.Print("Stopped.")
		}
		_ = parts.stopRedis(impatient)
		return
	}
	l.term.Print("\nStopping; Ctrl-C again stops at once.")
	// Redis is last, because services and sidecars write to it until they end.
	if err := errors.Join(parts.stack.Close(impatient), parts.stopRedis(impatient)); err != nil {
		l.term.Print("Not stopped in good order: " + err.Error())
	}
	l.term.Print("Everything is stopped.")
}
