package main

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"daca/services/internal/contract"
	"daca/services/internal/fastapi"
	"daca/services/internal/serve"
)

// maxToolCalls is how many calls of tools are answered at a time: old versions of the
// protocol let one request have many.
const maxToolCalls = 64

// tools offers what analytics knows as tools of the Model Context Protocol, see
// https://modelcontextprotocol.io. They change nothing.
type tools struct {
	analytics *analytics
	slots     chan struct{} // one for each call
}

type countArguments struct {
	UserID contract.UserID `json:"user_id" jsonschema:"the id of the user"`
}

type countResult struct {
	UserID       contract.UserID `json:"user_id"`
	MessageCount int64           `json:"message_count"`
}

// serveMCP adds the route /mcp. It keeps nothing between two requests, so that each may
// reach another replica.
func serveMCP(api *fastapi.API, a *analytics, limit int64) {
	t := &tools{analytics: a, slots: make(chan struct{}, maxToolCalls)}
	server := mcp.NewServer(&mcp.Implementation{Name: contract.AnalyticsApp, Version: serve.Version()},
		&mcp.ServerOptions{Capabilities: &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{}}})
	mcp.AddTool(server, &mcp.Tool{
		Name:        "get_message_count",
		Description: "Says how many messages a user has sent.",
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true, IdempotentHint: true, OpenWorldHint: new(false)},
	}, t.count)
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server },
		&mcp.StreamableHTTPOptions{
			Stateless: true, JSONResponse: true, MaxRequestBodyBytes: limit, PropagateRequestCancellation: true,
		})
	op := api.Operation("mcp", "POST", "/mcp", "analytics",
		"The Model Context Protocol: the tool get_message_count", 400, 403, 413, 415)
	describeMCP(&op)
	api.OpenAPI().AddOperation(&op)
	api.Engine.POST(op.Path, api.AdmitBody(limit), gin.WrapH(handler))
}

// count is the tool get_message_count.
func (t *tools) count(
	ctx context.Context, _ *mcp.CallToolRequest, in countArguments,
) (*mcp.CallToolResult, countResult, error) {
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
	case <-ctx.Done():
		return nil, countResult{}, ctx.Err()
	}
	if err := in.UserID.Validate(); err != nil {
		return nil, countResult{}, err
	}
	out, err := t.analytics.get(ctx, &getInput{UserID: in.UserID})
	if err != nil {
		return nil, countResult{}, err
	}
	return nil, countResult{UserID: in.UserID, MessageCount: out.Body.MessageCount}, nil
}

// describeMCP documents the bodies, which are those of JSON-RPC.
func describeMCP(op *huma.Operation) {
	message := map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{
		Type:        huma.TypeObject,
		Description: "A message of JSON-RPC 2.0. Accept has to name application/json and text/event-stream.",
	}}}
	op.RequestBody = &huma.RequestBody{Required: true, Content: message}
	op.Responses["200"] = &huma.Response{Description: "OK", Content: message}
	op.Responses["202"] = &huma.Response{Description: "Accepted: the answer to a notification"}
}
