package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// Limits of a connection. An answer may take as long as its model, which has timeouts
// of its own.
const (
	readHeaderTimeout = 5 * time.Second
	maxPatience       = 10 * time.Second // for a client to send its request, or to take a part of the answer
	idleTimeout       = 2 * time.Minute
)

// patience returns how long a client may keep a request waiting. It is less than the
// grace of a stop, so that no client can make a stop fail.
func patience(cfg Config) time.Duration { return min(maxPatience, cfg.ShutdownGrace/2) }

// Run serves handler on the port of cfg until ctx ends. Then it calls stopping
// and goes on serving for cfg.ShutdownDelay. During that time each answer closes
// its connection: a client that reused one could otherwise send a request just
// when it is closed, and would not know whether it was handled. After the delay
// Run takes no more requests, and those in flight get cfg.ShutdownGrace to finish.
// It returns nil after an orderly stop.
func Run(ctx context.Context, cfg Config, handler http.Handler, logger *slog.Logger, stopping func()) error {
	address := net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port))
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listening for HTTP: %w", err)
	}
	return runServer(ctx, listener, cfg, handler, logger, stopping)
}

// runServer is Run with a listener that is open.
func runServer(
	ctx context.Context, listener net.Listener, cfg Config, handler http.Handler, logger *slog.Logger, stopping func(),
) error {
	var closing atomic.Bool
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if closing.Load() {
				w.Header().Set("Connection", "close")
			}
			handler.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       patience(cfg),
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(patientListener{listener, patience(cfg)}) }()
	logger.InfoContext(ctx, "serving", "address", listener.Addr().String(), "version", Version())

	select {
	case err := <-served:
		return fmt.Errorf("serving HTTP: %w", err)
	case <-ctx.Done():
	}
	closing.Store(true)
	stopping()
	logger.InfoContext(ctx, "stopping: finishing requests in flight",
		"delay", cfg.ShutdownDelay.String(), "grace", cfg.ShutdownGrace.String())
	select {
	case err := <-served:
		return fmt.Errorf("serving HTTP: %w", err)
	case <-time.After(cfg.ShutdownDelay):
	}
	graceCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.ShutdownGrace)
	defer cancel()
	err := server.Shutdown(graceCtx)
	if err != nil {
		err = fmt.Errorf("requests were still in flight after %s: %w", cfg.ShutdownGrace, errors.Join(err, server.Close()))
	}
	if served := <-served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
