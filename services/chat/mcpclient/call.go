package mcpclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"daca/services/internal/contract"
	"daca/services/internal/plainjson"
)

const (
	maxResult = 64 << 10 // bytes of a result that the model gets
	maxReason = 1 << 10  // bytes of a server's error that the model gets
)

// rejectedByTransport is the code of the SDK's error for a request that did not get
// through. It is the only one with a code that the server has not sent.
const rejectedByTransport = -32005

// call calls a tool of the server. The error is for the model.
func (p *peer) call(ctx context.Context, tool string, args json.RawMessage) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	session, changed := p.current()
	if session == nil {
		return "", p.isAway()
	}
	params := &mcp.CallToolParams{Name: tool, Arguments: args}
	result, err := session.CallTool(ctx, params)
	if errors.Is(err, mcp.ErrSessionMissing) {
		// The server has forgotten the session, and has not looked at the call.
		select {
		case <-changed: // it is lost
		case <-ctx.Done():
		}
		if session = p.next(ctx); session == nil {
			return "", p.isAway()
		}
		result, err = session.CallTool(ctx, params)
	}
	if err != nil {
		return "", p.explain(ctx, err)
	}
	return outcome(result)
}

// next returns the session that follows when there is none.
func (p *peer) next(ctx context.Context) *mcp.ClientSession {
	for {
		session, changed := p.current()
		if session != nil {
			return session
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

func (p *peer) isAway() error { return fmt.Errorf("the MCP server %s is away", p.cfg.Name) }

// explain says to the model why there is no result.
func (p *peer) explain(ctx context.Context, err error) error {
	var answer *jsonrpc.Error
	if errors.As(err, &answer) && answer.Code != rejectedByTransport {
		return errors.New(contract.Shorten(answer.Message, maxReason))
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err() // the caller has gone
	}
	p.suspect()
	p.logger.WarnContext(ctx, "a call of an MCP server failed", "error", p.redact(err.Error()))
	if ctx.Err() != nil {
		return fmt.Errorf("the MCP server %s did not answer within %s", p.cfg.Name, p.cfg.Timeout)
	}
	return fmt.Errorf("%w; whether the call was carried out is not known", p.isAway())
}

// outcome returns the text of a result. It is an error if the result is one.
func outcome(result *mcp.CallToolResult) (string, error) {
	text, err := textOf(result)
	switch {
	case err != nil:
		return "", err
	case result.NeedsInput():
		return "", errors.New("the tool asks for input, and there is nobody to give it")
	case result.IsError:
		return "", errors.New(text)
	}
	return text, nil
}

// textOf joins the texts of a result. In place of other contents it says what they are.
func textOf(result *mcp.CallToolResult) (string, error) {
	var parts []string
	for _, content := range result.Content {
		parts = append(parts, describe(content))
	}
	if result.StructuredContent != nil {
		structured, err := plainjson.Marshal(result.StructuredContent)
		if err != nil {
			return "", fmt.Errorf("encoding the result: %w", err)
		}
		if len(parts) != 1 || !sameJSON(parts[0], string(structured)) { // servers should send it as text too
			parts = append(parts, string(structured))
		}
	}
	return shorten(strings.Join(parts, "\n")), nil
}

// describe returns the text of a content, or what it is.
func describe(content mcp.Content) string {
	switch c := content.(type) {
	case *mcp.TextContent:
		return c.Text
	case *mcp.ImageContent:
		return fmt.Sprintf("[an image (%.100s) is left out]", c.MIMEType)
	case *mcp.AudioContent:
		return fmt.Sprintf("[a sound (%.100s) is left out]", c.MIMEType)
	case *mcp.ResourceLink:
		return fmt.Sprintf("[a link: %.500s %.1000s]", c.Name, c.URI)
	case *mcp.EmbeddedResource:
		if c.Resource != nil && c.Resource.Text != "" {
			return c.Resource.Text
		}
	}
	return "[something that is no text is left out]"
}

// shorten cuts a result that is too long, and says so.
func shorten(text string) string {
	const note = "\n[The result is longer. This is its beginning.]"
	if len(text) <= maxResult {
		return text
	}
	return strings.ToValidUTF8(text[:maxResult-len(note)], "") + note
}

func sameJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}
