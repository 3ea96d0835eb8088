package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const (
	acceptMCP = "application/json, text/event-stream"
	askCount  = `{"jsonrpc":"2.0","id":1,"method":"tools/call",` +
		`"params":{"name":"get_message_count","arguments":{"user_id":"alice"}}}`
)

// TestCountsAreTools asks with the client of the SDK, in both versions of the protocol.
func TestCountsAreTools(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2025-06-18", "2025-11-25", "2026-07-28"} {
		s := newService(t)
		s.Expect(t, "POST", "/analytics/alice/initialize", `{"message_count": 5}`, 200,
			`{"status":"success","user_id":"alice","message_count":5}`)
		server := httptest.NewServer(s.Handler)
		t.Cleanup(server.Close)
		client := mcp.NewClient(&mcp.Implementation{Name: "test"}, nil)
		session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: server.URL + "/mcp"},
			&mcp.ClientSessionOptions{ProtocolVersion: version})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = session.Close() })
		list, err := session.ListTools(t.Context(), nil)
		if err != nil || len(list.Tools) != 1 || list.Tools[0].Name != "get_message_count" {
			t.Fatalf("the tools are %v, %v", list, err)
		}
		for _, tc := range []struct {
			name      string
			arguments map[string]any
			store     fault
			want      string
			failed    bool
		}{
			{"a user", map[string]any{"user_id": "alice"}, noFault, `{"message_count":5,"user_id":"alice"}`, false},
			{"an unknown user", map[string]any{"user_id": "bob"}, noFault, "User not found", true},
			{"a store that is away", map[string]any{"user_id": "alice"}, failBefore, storeUnavailable, true},
			{"no user", map[string]any{}, noFault, "user_id", true},
			{"no id", map[string]any{"user_id": "\u0001"}, noFault, "control characters", true},
		} {
			s.store.fail = func(string) fault { return tc.store }
			result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "get_message_count", Arguments: tc.arguments})
			if err != nil {
				t.Errorf("%s: %s: %v", version, tc.name, err)
				continue
			}
			text, _ := result.Content[0].(*mcp.TextContent)
			if text == nil || !strings.Contains(text.Text, tc.want) || result.IsError != tc.failed {
				t.Errorf("%s: %s: the result is %v (error: %v); want %s", version, tc.name, text, result.IsError, tc.want)
			}
		}
	}
}

// TestMCPIsBounded holds what the route refuses.
func TestMCPIsBounded(t *testing.T) {
	t.Parallel()
	s := newService(t)
	if rec := s.Send("POST", "/mcp", askCount, "Accept", acceptMCP); rec.Code != 200 ||
		!strings.Contains(rec.Body.String(), "User not found") || rec.Header().Get("Mcp-Session-Id") != "" {
		t.Errorf("a call without a session answers %d %s %v; want a result, and no session", rec.Code, rec.Body, rec.Header())
	}
	s.ExpectProblem(t, "POST", "/mcp", strings.Repeat(" ", 17<<10)+askCount, 413, "16384", "Accept", acceptMCP)
	s.ExpectProblem(t, "POST", "/mcp", askCount, 415, "text/plain", "Accept", acceptMCP, "Content-Type", "text/plain")
	s.ExpectProblem(t, "POST", "/mcp", askCount, 403, "another site", "Accept", acceptMCP, "Origin", "https://evil.example")
	for _, method := range []string{"GET", "DELETE"} {
		s.ExpectProblem(t, method, "/mcp", "", http.StatusMethodNotAllowed, "Method Not Allowed", "Accept", acceptMCP)
	}
}
