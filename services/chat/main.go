// The chat service answers messages with an LLM agent that knows how many
// messages the user has sent, and publishes every answered message as an event.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"

	"daca/services/chat/agent"
	"daca/services/chat/page"
	"daca/services/internal/contract"
	"daca/services/internal/serve"
)

func main() { serve.Main(contract.ChatApp, run) }

// run serves until ctx ends. It returns nil after an orderly stop.
func run(ctx context.Context, environ []string, stdout io.Writer) (err error) {
	cfg, err := parseConfig(environ)
	if err != nil {
		return err
	}
	logger, err := serve.NewLogger(stdout, contract.ChatApp, cfg.Config)
	if err != nil {
		return err
	}
	if longest := cfg.longestAnswer(); cfg.ShutdownGrace < longest {
		logger.WarnContext(ctx, "a stop may cut off requests: they can take longer than SHUTDOWN_GRACE",
			"grace", cfg.ShutdownGrace.String(), "longest", longest.String())
	}
	assistant, err := newAgent(cfg, logger, tools())
	if err != nil {
		return err
	}
	tasks, err := newAgent(cfg, logger, nil)
	if err != nil {
		return err
	}
	dapr, err := newDaprClient(cfg)
	if err != nil {
		return err
	}
	defer dapr.Close()

	// Events that the broker does not take wait in the spool, and are published in
	// the background. At a stop, those that are left get PUBLISH_BUDGET once more.
	waiting, err := openSpool(cfg.SpoolPath, cfg.SpoolMaxBytes, logger)
	if err != nil {
		return err
	}
	mcp, stopMCP, err := startMCP(ctx, cfg, environ, logger)
	if err != nil {
		return err
	}
	defer stopMCP()

	metrics := serve.NewMetrics()
	shown := cfg.newActivity(dapr, waiting, logger)
	defer shown.Close()
	defer context.AfterFunc(ctx, shown.Stop)() // streams that show it would last for ever
	events := newPublisher(dapr, dapr, waiting, shown, cfg.PublishBudget, logger, metrics)
	draining, stopDraining := context.WithCancel(context.WithoutCancel(ctx))
	var drainer sync.WaitGroup
	drainer.Go(func() { events.Drain(draining) })
	defer func() {
		stopDraining()
		drainer.Wait()
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.PublishBudget)
		defer cancel()
		err = errors.Join(err, events.Close(closing))
	}()

	answers := &chat{
		counts: dapr, countTimeout: cfg.AnalyticsTimeout,
		agent: assistant, tasks: tasks, agentTimeout: cfg.ChatTimeout, tools: mcp,
		events: events, sessions: cfg.newSessions(dapr, logger), shown: shown, logger: logger,
	}
	defer answers.sessions.Close()
	streamed := newStreams(cfg, answers, dapr, metrics)
	defer closeInTime(ctx, cfg.Config, streamed.runs.Close)()
	made, err := page.New()
	if err != nil {
		return err
	}
	api := newAPI(cfg, answers, streamed, &watching{shown, dapr, logger}, made, slices.Concat([]serve.Check{
		{Name: "sidecar", Probe: dapr.Ping},
		{Name: contract.PubSub, Optional: true, Known: true, Probe: events.Probe},
		{Name: contract.StateStore, Optional: true, Probe: answers.sessions.Probe},
		{Name: contract.AnalyticsApp, Optional: true, Known: true, Probe: answers.countOutcome.Probe},
		{Name: "model", Optional: true, Known: true, Probe: answers.modelOutcome.Probe},
	}, mcpChecks(mcp)), logger, metrics)
	return dapr.WithETags(ctx, contract.StateStore, api.Run)
}

// newAgent returns an agent with the tools.
func newAgent(cfg config, logger *slog.Logger, tools []agent.Tool) (*agent.Agent, error) {
	a, err := agent.New(agent.Config{
		BaseURL: cfg.OpenAIBaseURL, APIKey: cfg.OpenAIKey, Model: cfg.OpenAIModel, Tools: tools,
		MaxTurns: cfg.MaxTurns, ModelTimeout: cfg.ModelTimeout, ToolTimeout: cfg.ToolTimeout,
		Logger: logger,
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the agent: %w", err)
	}
	return a, nil
}
