package mcpclient

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"daca/services/chat/agent"
	"daca/services/internal/contract"
)

// Limits of what a server says about its tools: all of it is part of every request to
// the model.
const (
	maxPages       = 50 // of a list
	maxDescription = 4 << 10
	maxSchema      = 16 << 10
	maxOffer       = 128 << 10 // of all descriptions and schemas of a server
)

// listing is what a look at a server has found.
type listing struct {
	tools   []agent.Tool
	leftOut []string // what is wrong with each of the others
}

// list asks the server for its tools.
func (p *peer) list(ctx context.Context, session *mcp.ClientSession) (listing, error) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	var found []*mcp.Tool
	params := &mcp.ListToolsParams{}
	for range maxPages {
		page, err := session.ListTools(ctx, params)
		if err != nil {
			return listing{}, err
		}
		found = append(found, p.allowed(page.Tools)...)
		if page.NextCursor == "" || len(found) > p.share {
			return p.offer(found), nil
		}
		params = &mcp.ListToolsParams{Cursor: page.NextCursor}
	}
	return listing{}, fmt.Errorf("the list has more than %d pages", maxPages)
}

// allowed returns the tools that may be offered. The list itself stays the session's.
func (p *peer) allowed(tools []*mcp.Tool) []*mcp.Tool {
	return slices.DeleteFunc(slices.Clone(tools), func(t *mcp.Tool) bool {
		return t == nil || p.cfg.Allow != nil && !slices.Contains(p.cfg.Allow, t.Name)
	})
}

// offer returns the tools of the server as tools of the agent.
func (p *peer) offer(found []*mcp.Tool) listing {
	var l listing
	size := 0
	seen := map[string]bool{}
	for _, name := range p.cfg.Allow {
		if !slices.ContainsFunc(found, func(t *mcp.Tool) bool { return t.Name == name }) {
			l.leftOut = append(l.leftOut, fmt.Sprintf("%q is allowed, and the server does not have it", name))
		}
	}
	for _, t := range found {
		tool, err := p.tool(t)
		size += len(tool.Description) + len(tool.Parameters)
		switch {
		case err != nil:
		case seen[tool.Name]:
			err = errors.New("there are two of that name")
		case size > maxOffer:
			err = fmt.Errorf("descriptions and schemas of the server have more than %d bytes; "+
				"name the tools that are needed in allow", maxOffer)
		case len(l.tools) == p.share:
			l.leftOut = append(l.leftOut, fmt.Sprintf("the server has more than %d tools; "+
				"name those that are needed in allow", p.share))
			return l
		}
		if err != nil {
			l.leftOut = append(l.leftOut, fmt.Sprintf("%.100q: %v", t.Name, err))
			continue
		}
		seen[tool.Name] = true
		l.tools = append(l.tools, tool)
	}
	return l
}

// tool returns one tool of the server as a tool of the agent.
func (p *peer) tool(t *mcp.Tool) (agent.Tool, error) {
	schema, err := parameters(t.InputSchema)
	if err != nil {
		return agent.Tool{}, err
	}
	name := t.Name
	return agent.Tool{
		Name:        toolName(p.cfg.Name, name),
		Description: contract.Shorten(cmp.Or(t.Description, t.Title), maxDescription),
		Parameters:  schema,
		Execute: func(ctx context.Context, args json.RawMessage) (string, error) {
			return p.call(ctx, name, args)
		},
	}, nil
}

// parameters returns the schema of a tool's arguments. Providers want properties even
// if there are none.
func parameters(schema any) (json.RawMessage, error) {
	object, ok := schema.(map[string]any)
	if !ok {
		return nil, errors.New("its schema is not an object")
	}
	object = maps.Clone(object) // it stays the session's
	if _, ok := object["type"]; !ok {
		object["type"] = "object"
	}
	if object["type"] != "object" {
		return nil, errors.New("its arguments are not an object")
	}
	if object["properties"] == nil {
		object["properties"] = map[string]any{}
	}
	encoded, err := json.Marshal(object)
	switch {
	case err != nil:
		return nil, fmt.Errorf("encoding its schema: %w", err)
	case len(encoded) > maxSchema:
		return nil, fmt.Errorf("its schema has more than %d bytes", maxSchema)
	}
	return encoded, nil
}

// sameTools reports whether two lists look the same to the model.
func sameTools(a, b []agent.Tool) bool {
	return slices.EqualFunc(a, b, func(a, b agent.Tool) bool {
		return a.Name == b.Name && a.Description == b.Description && string(a.Parameters) == string(b.Parameters)
	})
}
