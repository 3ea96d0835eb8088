// Command model is the offline model: a server that speaks OpenAI's protocol
// and answers deterministically, for a first run without a key, for tests and
// for load.
package main

import (
	"context"
	"io"

	"daca/services/internal/serve"
)

func main() { serve.Main(service, run) }

// run serves the model until ctx ends and logs to stdout. It fails if the
// environment cannot be used or the port is taken.
func run(ctx context.Context, environ []string, stdout io.Writer) error {
	cfg, err := parseConfig(environ)
	if err != nil {
		return err
	}
	logger, err := serve.NewLogger(stdout, service, cfg.Config)
	if err != nil {
		return err
	}
	api, err := newAPI(cfg, logger)
	if err != nil {
		return err
	}
	return api.Run(ctx)
}
