package mcpclient

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"daca/services/chat/agent"
	"daca/services/internal/apitest"
)

// quick is a pace for tests.
func quick() pace {
	return pace{
		look: 50 * time.Millisecond, calm: 10 * time.Millisecond,
		retry: 10 * time.Millisecond, slow: 100 * time.Millisecond, leave: 300 * time.Millisecond,
	}
}

// fixture is a set of servers that runs until the end of the test.
type fixture struct {
	*Servers
	log buffer
}

// start runs the servers. The test fails unless they end when they are told to.
func start(t *testing.T, servers ...Server) *fixture {
	t.Helper()
	return startAt(t, quick(), servers...)
}

func startAt(t *testing.T, pace pace, servers ...Server) *fixture {
	t.Helper()
	for i := range servers {
		if servers[i].Timeout == 0 {
			servers[i].Timeout = 10 * time.Second
		}
	}
	f := &fixture{}
	f.Servers = newServers(servers, "test", slog.New(slog.NewTextHandler(&f.log, nil)), pace)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Error("the connections do not end")
		}
	})
	return f
}

// tool waits until the tool is offered, and returns it.
func (f *fixture) tool(t *testing.T, name string) (found agent.Tool) {
	t.Helper()
	apitest.Eventually(t, "the tool "+name+" is offered", func() bool {
		for _, tool := range f.Tools() {
			if tool.Name == name {
				found = tool
				return true
			}
		}
		return false
	})
	return found
}

// probe returns what the probe of the server says.
func (f *fixture) probe(name string) error {
	for server, probe := range f.Probes() {
		if server == name {
			return probe(context.Background())
		}
	}
	return os.ErrNotExist
}

// buffer is for what is written by many.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// newServer returns an MCP server with the tool echo, which returns its arguments.
func newServer() *mcp.Server {
	s := mcp.NewServer(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	addTool(s, "echo", func(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return says(string(req.Params.Arguments)), nil
	})
	return s
}

func addTool(s *mcp.Server, name string, handle mcp.ToolHandler) {
	s.AddTool(&mcp.Tool{
		Name: name, Description: "Does " + name + ".", InputSchema: map[string]any{"type": "object"},
	}, handle)
}

// answers returns a handler that always answers the text.
func answers(text string) mcp.ToolHandler {
	return func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) { return says(text), nil }
}

func says(text string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}
}

// overHTTP serves over streamable HTTP, with sessions.
func overHTTP(s *mcp.Server) http.Handler {
	return mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, nil)
}

// serve returns the server of the name at the handler.
func serve(t *testing.T, name string, handler http.Handler) Server {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return Server{Name: name, URL: s.URL}
}
