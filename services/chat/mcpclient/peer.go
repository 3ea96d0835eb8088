package mcpclient

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"daca/services/chat/agent"
)

// peer is one server and the connection to it. One goroutine, that of run, makes and
// ends connections; calls use what it has made.
type peer struct {
	cfg     Server
	share   int // how many tools it may offer
	logger  *slog.Logger
	pace    pace
	client  *mcp.Client
	secrets []string      // which may not be logged
	http    *httpClient   // nil for a command
	doubt   chan struct{} // holds an element while there is a reason to look at the server

	modern bool // whether the next attempt begins without a handshake; of run alone

	mu      sync.Mutex
	session *mcp.ClientSession // nil while the server is away
	changed chan struct{}      // closed when session is another one
	err     error              // why it is away
	tools   []agent.Tool       // as it offered them last
	known   bool               // whether it has offered any
}

func newPeer(cfg Server, version string, share int, logger *slog.Logger, pace pace) *peer {
	p := &peer{
		cfg: cfg, share: share, pace: pace,
		logger:  logger.With("mcp_server", cfg.Name),
		doubt:   make(chan struct{}, 1),
		changed: make(chan struct{}),
		err:     errors.New("not connected yet"),
		secrets: cfg.secrets(),
	}
	if cfg.URL != "" {
		p.http = newHTTPClient(cfg)
	}
	p.client = mcp.NewClient(&mcp.Implementation{Name: "daca-chat", Version: version}, &mcp.ClientOptions{
		// Servers can ask for nothing: no files, no answers of the model, no input of people.
		Capabilities:           &mcp.ClientCapabilities{},
		MultiRoundTrip:         &mcp.MultiRoundTripOptions{Disabled: true},
		ToolListChangedHandler: func(context.Context, *mcp.ToolListChangedRequest) { p.suspect() },
	})
	return p
}

// suspect makes run look at the server soon.
func (p *peer) suspect() {
	select {
	case p.doubt <- struct{}{}:
	default:
	}
}

// run keeps a connection until ctx ends.
func (p *peer) run(ctx context.Context) {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval = p.pace.retry
	wait.MaxInterval = p.pace.slow
	wait.Reset()
	for ctx.Err() == nil {
		begin := time.Now()
		err := p.visit(ctx)
		p.lose(ctx, err)
		if time.Since(begin) > p.pace.slow {
			wait.Reset()
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait.NextBackOff()):
		}
	}
}

// visit connects to the server and stays until the connection ends, the server does not
// answer any more, or ctx ends.
func (p *peer) visit(ctx context.Context) (err error) {
	transport := p.transport()
	if command, ok := transport.(*command); ok {
		defer func() { err = errors.Join(err, command.end()) }()
	}
	session, end, err := p.connect(ctx, transport)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	var watcher sync.WaitGroup
	ended := make(chan error, 1)
	watcher.Go(func() { ended <- session.Wait() })
	defer func() {
		end()
		watcher.Wait()
	}()
	for {
		tools, err := p.list(ctx, session)
		if err != nil {
			return fmt.Errorf("listing the tools: %w", err)
		}
		p.meet(ctx, session, tools)
		rest := time.After(p.pace.calm)
		select {
		case err := <-ended:
			return errors.Join(errors.New("the connection has ended"), err)
		case <-p.doubt:
		case <-time.After(p.pace.look):
		case <-ctx.Done():
			return nil
		}
		select {
		case <-rest:
		case <-ctx.Done():
			return nil
		}
	}
}

// meet keeps what a look at the server has found.
func (p *peer) meet(ctx context.Context, session *mcp.ClientSession, found listing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.session != session || !sameTools(p.tools, found.tools) {
		p.logger.InfoContext(ctx, "an MCP server offers tools", "tools", len(found.tools))
		for _, left := range found.leftOut {
			p.logger.WarnContext(ctx, "a tool of an MCP server is left out", "reason", left)
		}
	}
	p.tools = found.tools
	p.known = true
	p.err = nil
	p.become(session)
}

// lose keeps why there is no connection.
func (p *peer) lose(ctx context.Context, err error) {
	if err == nil {
		err = errors.New("the service stops")
	}
	err = errors.New(p.redact(err.Error()))
	p.mu.Lock()
	defer p.mu.Unlock()
	if ctx.Err() == nil && (p.err == nil || p.err.Error() != err.Error()) {
		p.logger.WarnContext(ctx, "an MCP server is away", "error", err)
	}
	p.err = err
	p.become(nil)
}

// become sets the session. The caller has the lock.
func (p *peer) become(session *mcp.ClientSession) {
	if p.session != session {
		p.session = session
		close(p.changed)
		p.changed = make(chan struct{})
	}
}

// current returns the session, or nil, and a channel that is closed when there is
// another one.
func (p *peer) current() (*mcp.ClientSession, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.session, p.changed
}

func (p *peer) offered() []agent.Tool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tools
}

func (p *peer) seen() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known
}

// away is the error of a server that is away. Strangers may read as much.
type away struct{ cause error }

func (a away) Error() string { return a.cause.Error() }

// Reason is what /readyz shows.
func (away) Reason() string { return "away: its tools cannot be called" }

func (p *peer) probe(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return away{p.err}
	}
	return nil
}

// redact removes what may be secret in the configuration, and shortens.
func (p *peer) redact(text string) string {
	for _, secret := range p.secrets {
		text = strings.ReplaceAll(text, secret, "[secret]")
	}
	return fmt.Sprintf("%.500s", text)
}
