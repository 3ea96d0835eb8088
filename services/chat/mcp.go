package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"daca/services/chat/mcpclient"
	"daca/services/internal/serve"
)

// startMCP connects to the MCP servers of the configuration, in the background: chat
// waits for none of them. stop ends the connections, and the commands among the servers.
// It is called when nobody needs the tools any more.
func startMCP(
	ctx context.Context, cfg config, environ []string, logger *slog.Logger,
) (tools *mcpclient.Servers, stop func(), err error) {
	servers, err := mcpclient.Load(cfg.MCPConfig, environ)
	if err != nil {
		return nil, nil, fmt.Errorf("environment variable MCP_CONFIG: %w", err)
	}
	tools = mcpclient.New(servers, serve.Version(), logger)
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	var owner sync.WaitGroup
	owner.Go(func() { tools.Run(running) })
	return tools, func() {
		end()
		owner.Wait()
	}, nil
}

// mcpChecks names the MCP servers in /readyz.
func mcpChecks(tools *mcpclient.Servers) []serve.Check {
	var checks []serve.Check
	for name, probe := range tools.Probes() {
		checks = append(checks, serve.Check{Name: "mcp:" + name, Optional: true, Known: true, Probe: probe})
	}
	return checks
}
