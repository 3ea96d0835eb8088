package mcpclient

import (
	"context"
	"errors"
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// legacyProtocol is the newest version of the protocol that begins with a handshake.
// Every server knows a handshake, and some end at anything else.
const legacyProtocol = "2025-11-25"

// connect returns a session, and a function that ends it, whatever goes on in it.
func (p *peer) connect(ctx context.Context, transport mcp.Transport) (*mcp.ClientSession, func(), error) {
	// A connection takes four requests, the last of which may be left unanswered.
	limit := 2 * p.cfg.Timeout
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %s", limit))
	defer cancel()
	t := &remembering{Transport: transport}
	options := &mcp.ClientSessionOptions{ProtocolVersion: legacyProtocol}
	if p.modern {
		options = nil
	}
	session, err := p.client.Connect(ctx, t, options)
	if err != nil {
		p.modern = !p.modern
		t.close()
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = context.Cause(ctx)
		}
		return nil, nil, err
	}
	return session, func() {
		t.close() // calls in progress end
		_ = session.Close()
	}, nil
}

func (p *peer) transport() mcp.Transport {
	if p.http != nil {
		return &mcp.StreamableClientTransport{
			Endpoint: p.cfg.URL, HTTPClient: p.http.Client, MaxEventSize: maxMessage,
		}
	}
	return &command{cfg: p.cfg, leave: p.pace.leave}
}

// remembering is a transport whose connection can be closed even if no session comes
// of it.
type remembering struct {
	mcp.Transport
	connection mcp.Connection
}

func (r *remembering) Connect(ctx context.Context) (mcp.Connection, error) {
	var err error
	r.connection, err = r.Transport.Connect(ctx)
	return r.connection, err
}

func (r *remembering) close() {
	if r.connection != nil {
		_ = r.connection.Close()
	}
}
