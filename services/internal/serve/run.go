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

	// Images of the services hold nothing but one program: it brings the roots of
	// TLS and the time zones along, for where the system has none.
	_ "time/tzdata"

	_ "golang.org/x/crypto/x509roots/fallback"
)

// Limits of a connection. There is no write timeout: an answer takes as long
// as its model, which has timeouts of its own.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	idleTimeout       = 2 * time.Minute
)

// Stop says how a server stops.
type Stop struct {
	// Delay is how long it serves on. Each answer then closes its connection: a
	// client that reuses one could otherwise send a request on it just when it
	// is closed, and would not know whether it was handled.
	Delay time.Duration
	// Grace is what requests in flight get to finish after that.
	Grace time.Duration
}

// Run serves handler on the port until ctx ends. Then it calls stopping, serves
// on for the delay, takes no more requests, and lets those in flight finish
// within the grace period. Run returns nil after an orderly stop.
func Run(
	ctx context.Context, host string, port int, handler http.Handler, stop Stop, logger *slog.Logger, stopping func(),
) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return fmt.Errorf("listening for HTTP: %w", err)
	}
	return runServer(ctx, listener, handler, stop, logger, stopping)
}

// runServer serves handler on the listener until ctx ends and calls stopping
// before intake stops.
func runServer(ctx context.Context, listener net.Listener, handler http.Handler, stop Stop, logger *slog.Logger, stopping func()) error {
	var closing atomic.Bool
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if closing.Load() {
				w.Header().Set("Connection", "close")
			}
			handler.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	logger.InfoContext(ctx, "serving", "address", listener.Addr().String(), "version", Version())

	select {
	case err := <-served:
		return fmt.Errorf("serving HTTP: %w", err)
	case <-ctx.Done():
	}
	closing.Store(true)
	stopping()
	logger.InfoContext(ctx, "stopping: finishing requests in flight", "delay", stop.Delay.String(), "grace", stop.Grace.String())
	select {
	case err := <-served:
		return fmt.Errorf("serving HTTP: %w", err)
	case <-time.After(stop.Delay):
	}
	graceCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stop.Grace)
	defer cancel()
	err := server.Shutdown(graceCtx)
	if err != nil {
		err = fmt.Errorf("requests were still in flight after %s: %w", stop.Grace, errors.Join(err, server.Close()))
	}
	if served := <-served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
