// Command model is the offline model: a server that speaks OpenAI's protocol
// and answers deterministically, for a first run without a key, for tests and
// for load.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"daca/services/internal/serve"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Environ(), os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "model:", err)
		os.Exit(1)
	}
}

// run serves the model until ctx ends and logs to stdout. It fails when the
// environment is not usable or the port is taken.
func run(ctx context.Context, environ []string, stdout io.Writer) error {
	cfg, err := parseConfig(environ)
	if err != nil {
		return err
	}
	logger, err := serve.NewLogger(stdout, service, cfg.LogLevel, cfg.LogFormat)
	if err != nil {
		return err
	}
	api, err := newAPI(cfg, logger)
	if err != nil {
		return err
	}
	return api.Run(ctx, cfg.Host, cfg.Port, serve.Stop{Grace: cfg.ShutdownGrace})
}
