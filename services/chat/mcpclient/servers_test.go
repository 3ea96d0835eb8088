package mcpclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"daca/services/internal/apitest"
)

func TestToolsAreCalled(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]*mcp.StreamableHTTPOptions{
		"with sessions":              nil,
		"stateless":                  {Stateless: true},
		"stateless, answers in JSON": {Stateless: true, JSONResponse: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer()
			f := start(t, serve(t, "files", mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, options)))
			echo := f.tool(t, "files__echo")
			if err := echo.Validate(); err != nil || echo.Description != "Does echo." ||
				string(echo.Parameters) != `{"properties":{},"type":"object"}` {
				t.Errorf("the tool is %q %s, %v", echo.Description, echo.Parameters, err)
			}
			const args = `{"b":12345678901234567890,"a":"<ä>"}`
			got, err := echo.Execute(t.Context(), json.RawMessage(args))
			if err != nil || got != args {
				t.Errorf("echo answers %q, %v; want its arguments as they were", got, err)
			}
			if notice, err := f.Notice(), f.probe("files"); notice != "" || err != nil {
				t.Errorf("the server works, and Notice is %q and the probe %v", notice, err)
			}
		})
	}
}

func TestServerWithoutHandshake(t *testing.T) {
	t.Parallel()
	s := mcp.NewServer(&mcp.Implementation{Name: "new"},
		&mcp.ServerOptions{SupportedProtocolVersions: []string{"2026-07-28"}})
	addTool(s, "echo", answers("hi"))
	f := start(t, serve(t, "new", mcp.NewStreamableHTTPHandler(
		func(*http.Request) *mcp.Server { return s }, &mcp.StreamableHTTPOptions{Stateless: true})))
	if got, err := f.tool(t, "new__echo").Execute(t.Context(), json.RawMessage("{}")); err != nil || got != "hi" {
		t.Errorf("the tool answers %q, %v", got, err)
	}
}

func TestResultsAreText(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789", 7000)
	const note = "\n[The result is longer. This is its beginning.]"
	for name, tc := range map[string]struct {
		result *mcp.CallToolResult
		want   string
		failed bool
	}{
		"texts are joined": {
			&mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "a"}, &mcp.TextContent{Text: "b"}}}, "a\nb", false,
		},
		"an image is named": {
			&mcp.CallToolResult{Content: []mcp.Content{&mcp.ImageContent{MIMEType: "image/png", Data: []byte("x")}}},
			"[an image (image/png) is left out]", false,
		},
		"a link is named": {
			&mcp.CallToolResult{Content: []mcp.Content{&mcp.ResourceLink{Name: "it", URI: "file:///it"}}},
			"[a link: it file:///it]", false,
		},
		"structured content is JSON": {
			&mcp.CallToolResult{Content: []mcp.Content{}, StructuredContent: map[string]any{"n": 1}}, `{"n":1}`, false,
		},
		"structured content that is the text too is there once": {
			&mcp.CallToolResult{
				Content:           []mcp.Content{&mcp.TextContent{Text: `{ "n": 1 }`}},
				StructuredContent: map[string]any{"n": 1},
			}, `{ "n": 1 }`, false,
		},
		"an error is one": {
			&mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "no such file"}}, IsError: true},
			"no such file", true,
		},
		"a long one is cut": {
			says(long), long[:maxResult-len(note)] + note, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer()
			addTool(s, "do", func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) { return tc.result, nil })
			f := start(t, serve(t, "x", overHTTP(s)))
			got, err := f.tool(t, "x__do").Execute(t.Context(), json.RawMessage("{}"))
			if tc.failed && err != nil {
				got = err.Error()
			}
			if got != tc.want || (err != nil) != tc.failed || len(got) > maxResult {
				t.Errorf("the result is %.100q… (%d bytes), %v; want %.100q…", got, len(got), err, tc.want)
			}
		})
	}
}

func TestErrorOfTheProtocolIsTold(t *testing.T) {
	t.Parallel()
	s := newServer()
	addTool(s, "do", func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "city is missing " + strings.Repeat("!", 5000)}
	})
	f := start(t, serve(t, "x", overHTTP(s)))
	_, err := f.tool(t, "x__do").Execute(t.Context(), json.RawMessage("{}"))
	if err == nil || !strings.HasPrefix(err.Error(), "city is missing") || len(err.Error()) > maxReason+3 {
		t.Errorf("the error is %v; want that of the server, shortened", err)
	}
}

// TestHangingTool holds that a call takes its timeout and no longer, and that the end of
// the request reaches the server.
func TestHangingTool(t *testing.T) {
	t.Parallel()
	s := newServer()
	var left atomic.Int32
	arrived := make(chan struct{}, 2)
	addTool(s, "hang", func(ctx context.Context, _ *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		arrived <- struct{}{}
		select {
		case <-ctx.Done():
			left.Add(1)
		case <-t.Context().Done():
		}
		return nil, ctx.Err()
	})
	server := serve(t, "x", overHTTP(s))
	server.Timeout = 2 * time.Second
	f := start(t, server)
	hang := f.tool(t, "x__hang")
	_, err := hang.Execute(t.Context(), json.RawMessage("{}"))
	if err == nil || err.Error() != "the MCP server x did not answer within 2s" {
		t.Errorf("a tool that hangs: %v", err)
	}
	<-arrived
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	if _, err := hang.Execute(ctx, json.RawMessage("{}")); !errors.Is(err, context.Canceled) {
		t.Errorf("a call whose caller has gone: %v", err)
	}
	apitest.Eventually(t, "the server hears of the end of both", func() bool { return left.Load() == 2 })
	if got, err := f.tool(t, "x__echo").Execute(t.Context(), json.RawMessage(`{}`)); err != nil || got != "{}" {
		t.Errorf("another tool of the server answers %q, %v", got, err)
	}
}

// TestServerThatHangs holds that nothing waits for a server that takes connections and
// says nothing.
func TestServerThatHangs(t *testing.T) {
	t.Parallel()
	hang := serve(t, "hang", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-t.Context().Done():
		}
	}))
	hang.Timeout = 100 * time.Millisecond
	f := start(t, hang, serve(t, "works", overHTTP(newServer())))
	f.tool(t, "works__echo")
	if got := f.Notice(); got != " The tools of hang are unavailable." {
		t.Errorf("Notice is %q", got)
	}
	apitest.Eventually(t, "the log says why", func() bool {
		return strings.Contains(f.log.String(), `"connecting: no answer within 200ms"`)
	})
	var reason interface{ Reason() string }
	if err := f.probe("hang"); !errors.As(err, &reason) || reason.Reason() != "away: its tools cannot be called" {
		t.Errorf("the probe says %v", err)
	}
}

// TestStreamThatHangs holds that a server is usable though it leaves the question for
// its stream unanswered.
func TestStreamThatHangs(t *testing.T) {
	t.Parallel()
	inner := overHTTP(newServer())
	server := serve(t, "x", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			select {
			case <-r.Context().Done():
			case <-t.Context().Done():
			}
			return
		}
		inner.ServeHTTP(w, r)
	}))
	server.Timeout = time.Second
	f := start(t, server)
	if _, err := f.tool(t, "x__echo").Execute(t.Context(), json.RawMessage("{}")); err != nil {
		t.Error(err)
	}
}

// TestServerThatComesBack stops a server and starts it again.
func TestServerThatComesBack(t *testing.T) {
	t.Parallel()
	s := newServer()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	run := func(l net.Listener) *httptest.Server {
		server := httptest.NewUnstartedServer(overHTTP(s))
		_ = server.Listener.Close()
		server.Listener = l
		server.Start()
		return server
	}
	server := run(listener)
	f := start(t, Server{Name: "x", URL: "http://" + address})
	echo := f.tool(t, "x__echo")

	server.CloseClientConnections()
	server.Close()
	apitest.Eventually(t, "the server is away", func() bool { return f.probe("x") != nil })
	got, err := echo.Execute(t.Context(), json.RawMessage("{}"))
	if err == nil || err.Error() != "the MCP server x is away" {
		t.Errorf("a call while the server is away: %q, %v", got, err)
	}
	if tools, notice := f.Tools(), f.Notice(); len(tools) != 1 || notice != "" {
		t.Errorf("while the server is away there are %d tools, and Notice is %q; want the last known", len(tools), notice)
	}

	if listener, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	server = run(listener)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	apitest.Eventually(t, "the server is back", func() bool { return f.probe("x") == nil })
	if got, err := echo.Execute(t.Context(), json.RawMessage("{}")); err != nil || got != "{}" {
		t.Errorf("a call after the server is back: %q, %v", got, err)
	}
}

// TestSessionThatIsForgotten replaces a server by one that knows none of its sessions.
func TestSessionThatIsForgotten(t *testing.T) {
	t.Parallel()
	var handler atomic.Pointer[http.Handler]
	put := func(h http.Handler) { handler.Store(&h) }
	put(overHTTP(newServer()))
	f := start(t, serve(t, "x", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		(*handler.Load()).ServeHTTP(w, r)
	})))
	echo := f.tool(t, "x__echo")
	for range 5 {
		put(overHTTP(newServer()))
		if got, err := echo.Execute(t.Context(), json.RawMessage(`{"n":1}`)); err != nil || got != `{"n":1}` {
			t.Errorf("a call after the server has forgotten the session: %q, %v", got, err)
		}
	}
}

func TestListThatChanges(t *testing.T) {
	t.Parallel()
	s := newServer()
	pace := quick()
	pace.look = time.Hour // it has to be told
	f := startAt(t, pace, serve(t, "x", overHTTP(s)))
	f.tool(t, "x__echo")
	addTool(s, "more", answers("more"))
	f.tool(t, "x__more")
	s.RemoveTools("echo")
	apitest.Eventually(t, "the tool is gone", func() bool { return len(f.Tools()) == 1 })
}

func TestLongLists(t *testing.T) {
	t.Parallel()
	s := newServer()
	for i := range 3000 {
		addTool(s, fmt.Sprintf("tool%04d", i), nil)
	}
	one := serve(t, "one", overHTTP(s))
	two := serve(t, "two", overHTTP(s))
	two.Allow = []string{"tool2999", "nosuch"}
	f := start(t, one, two)
	f.tool(t, "one__tool0000")
	f.tool(t, "two__tool2999")
	if got := len(f.Tools()); got != maxTools/2+1 {
		t.Errorf("there are %d tools; want %d of the first server and 1 of the second", got, maxTools/2)
	}
	for _, want := range []string{
		"the server has more than 60 tools", `\"nosuch\" is allowed, and the server does not have it`,
	} {
		if !strings.Contains(f.log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, f.log.String())
		}
	}
}

func TestToolsThatCannotBeOffered(t *testing.T) {
	t.Parallel()
	s := newServer()
	s.AddTool(&mcp.Tool{Name: "schema", InputSchema: map[string]any{
		"type": "object", "description": strings.Repeat("x", maxSchema),
	}}, nil)
	s.AddTool(&mcp.Tool{
		Name: "talks", InputSchema: map[string]any{"type": "object"}, Description: strings.Repeat("y", 100_000),
	}, nil)
	f := start(t, serve(t, "x", overHTTP(s)))
	if talks := f.tool(t, "x__talks"); len(talks.Description) > maxDescription+3 {
		t.Errorf("a description has %d bytes", len(talks.Description))
	}
	if len(f.Tools()) != 2 || !strings.Contains(f.log.String(), "its schema has more than 16384 bytes") {
		t.Errorf("there are %d tools; want 2, and the log to say why:\n%s", len(f.Tools()), f.log.String())
	}
}

// TestMessageThatIsTooLong holds that it ends the connection, and that the next one works.
func TestMessageThatIsTooLong(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]*mcp.StreamableHTTPOptions{"stream": nil, "JSON": {JSONResponse: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer()
			addTool(s, "long", func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				return says(strings.Repeat("x", maxMessage)), nil
			})
			f := start(t, serve(t, "x", mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, options)))
			got, err := f.tool(t, "x__long").Execute(t.Context(), json.RawMessage("{}"))
			if err == nil {
				t.Errorf("a result of 4 MiB is taken: %d bytes", len(got))
			}
			apitest.Eventually(t, "the server can be used again", func() bool {
				_, err := f.tool(t, "x__echo").Execute(t.Context(), json.RawMessage("{}"))
				return err == nil
			})
		})
	}
}

// TestHeadersAndRedirects holds that the headers reach the server, and no other.
func TestHeadersAndRedirects(t *testing.T) {
	t.Parallel()
	const secret = "Bearer sk-0123456789"
	var leaked atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		leaked.Store(true)
	}))
	t.Cleanup(other.Close)
	inner := overHTTP(newServer())
	mux := http.NewServeMux()
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/mcp", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/mcp/", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/mcp/", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != secret {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(w, r)
	})
	headers := map[string]string{"Authorization": secret}
	server := serve(t, "x", mux)
	f := start(t,
		Server{Name: "x", URL: server.URL + "/mcp", Headers: headers},
		Server{Name: "away", URL: server.URL + "/away", Headers: headers},
	)
	f.tool(t, "x__echo")
	apitest.Eventually(t, "the other redirect is refused", func() bool {
		return strings.Contains(f.log.String(), "Temporary Redirect")
	})
	if leaked.Load() {
		t.Error("a redirect to another server was followed")
	}
	if strings.Contains(f.log.String(), "sk-0123456789") {
		t.Errorf("the log has the secret:\n%s", f.log.String())
	}
}
