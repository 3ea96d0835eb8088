// The analytics service counts how many messages each user has sent. It counts
// the events of its Dapr subscriptions, each exactly once, and answers how many
// there were.
package main

import (
	"cmp"
	"context"
	"io"
	"os"
	"sync"

	"daca/services/analytics/activity"
	"daca/services/internal/contract"
	"daca/services/internal/serve"
)

func main() { serve.Main(contract.AnalyticsApp, run) }

// run serves until ctx ends. It returns nil after an orderly stop.
func run(ctx context.Context, environ []string, stdout io.Writer) error {
	cfg, err := parseConfig(environ)
	if err != nil {
		return err
	}
	logger, err := serve.NewLogger(stdout, contract.AnalyticsApp, cfg.Config)
	if err != nil {
		return err
	}
	dapr, err := newDaprClient(cfg)
	if err != nil {
		return err
	}
	defer dapr.Close()

	metrics := serve.NewMetrics()
	counts := newCounter(dapr, counterConfig{
		Window: cfg.DedupWindow, Budget: cfg.CommitBudget,
	}, logger, metrics)
	letters := newDeadLetters(dapr, dapr, cfg.CommitBudget, logger, metrics)
	host, _ := os.Hostname() // it is only shown
	shown := activity.New(dapr, host, logger, metrics)
	arriving := newDeliveries(tokens{app: cfg.AppToken, admin: cfg.AdminToken}, logger)
	api := newAPI(cfg, counts, letters, shown, arriving, []serve.Check{
		{Name: "sidecar", Probe: dapr.Ping},
		{Name: contract.StateStore, Probe: counts.Ping},
		{Name: "deliveries", Optional: true, Probe: func(ctx context.Context) error {
			return cmp.Or(arriving.Risk(), dapr.Risks(ctx))
		}},
	}, logger, metrics)
	return dapr.WithETags(ctx, contract.StateStore, func(ctx context.Context) error {
		showing, stop := context.WithCancel(context.WithoutCancel(ctx)) // also what is counted during the stop
		var sharing sync.WaitGroup
		defer sharing.Wait()
		defer stop()
		sharing.Go(func() { shown.Run(showing) })
		return api.Run(ctx)
	})
}
