// The analytics service keeps how many messages each user has sent. It counts
// the events of its Dapr subscriptions, each exactly once, and answers how many
// there were.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"daca/services/internal/contract"
	"daca/services/internal/serve"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Environ(), os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, contract.AnalyticsApp+":", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. It returns nil after an orderly stop. With the
// arguments check and URLs it only asks those, see serve.CheckURLs.
func run(ctx context.Context, args, environ []string, stdout io.Writer) error {
	if len(args) > 0 && args[0] == "check" {
		return serve.CheckURLs(ctx, args[1:], stdout)
	}
	if len(args) > 0 {
		return fmt.Errorf("unknown argument %q; the configuration comes from the environment", args[0])
	}
	cfg, err := parseConfig(environ)
	if err != nil {
		return err
	}
	logger, err := serve.NewLogger(stdout, contract.AnalyticsApp, cfg.LogLevel, cfg.LogFormat)
	if err != nil {
		return err
	}
	dapr, err := newDaprClient(cfg)
	if err != nil {
		return err
	}
	defer dapr.Close()

	metrics := serve.NewMetrics()
	counter := newCounter(dapr, counterConfig{
		Window: cfg.DedupWindow, Cap: cfg.DedupCap, Budget: cfg.CommitBudget,
	}, logger, metrics)
	letters := newDeadLetters(dapr, dapr, cfg.CommitBudget, logger, metrics)
	api := newAPI(cfg, counter, letters, []serve.Check{
		{Name: "sidecar", Ask: dapr.Ping},
		{Name: contract.StateStore, Ask: counter.Ping},
		{Name: "deliveries", Optional: true, Ask: dapr.OneAtATime},
	}, logger, metrics)
	return api.Run(ctx, cfg.Host, cfg.Port, serve.Stop{Delay: cfg.ShutdownDelay, Grace: cfg.ShutdownGrace})
}
