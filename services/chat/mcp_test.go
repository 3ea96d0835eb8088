package main

import (
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"daca/services/chat/agent"
	"daca/services/chat/mcpclient"
	"daca/services/chat/session"
	"daca/services/internal/serve"
)

// fakeTools has one tool, and a notice.
type fakeTools struct{}

func (fakeTools) Tools() []agent.Tool { return []agent.Tool{{Name: "search__find"}} }
func (fakeTools) Notice() string      { return " The tools of files are unavailable." }

// TestToolsReachTheAgent holds that the agent gets the tools of the MCP servers, and
// hears of those that are missing.
func TestToolsReachTheAgent(t *testing.T) {
	t.Parallel()
	c := &chat{
		counts: &fakeCounts{err: errors.New("away")}, countTimeout: time.Second, tools: fakeTools{},
		logger: slog.New(slog.DiscardHandler),
	}
	request := c.prepare(t.Context(), &message{userID: "alice", text: "hi", conversation: session.Begin("alice", "s")})
	if len(request.Tools) != 1 || request.Tools[0].Name != "search__find" {
		t.Errorf("the tools are %v", request.Tools)
	}
	if want := agent.Instructions(0, false) + c.tools.Notice(); request.Instructions != want {
		t.Errorf("the instructions are %q; want %q", request.Instructions, want)
	}
}

// TestServersThatAreAwayDegrade holds that they do not make chat unavailable.
func TestServersThatAreAwayDegrade(t *testing.T) {
	t.Parallel()
	logger := slog.New(slog.DiscardHandler)
	tools := mcpclient.New([]mcpclient.Server{{Name: "search", URL: "http://127.0.0.1:1"}}, "test", logger)
	got := serve.NewProbes(logger, mcpChecks(tools)).Readiness(t.Context())
	if got.Status != "degraded" || got.Checks["mcp:search"] != "away: its tools cannot be called" {
		t.Errorf("the readiness is %v", got)
	}
}

func TestRefusesAConfigurationOfMCPServers(t *testing.T) {
	t.Parallel()
	err := run(t.Context(), []string{
		"HOST=127.0.0.1", "PORT=0", "OPENAI_API_KEY=k", `MCP_CONFIG={"mcpServers":{"a":{"uri":"http://a"}}}`,
		"SPOOL_PATH=" + filepath.Join(t.TempDir(), "spool.db"),
	}, t.Output())
	const want = "environment variable MCP_CONFIG: the MCP servers: mcpServers.a.uri is not a member that is known"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("run = %v; want %s", err, want)
	}
}
