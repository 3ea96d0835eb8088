package mcpclient

import (
	"context"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"time"

	"daca/services/chat/agent"
)

// maxTools is how many tools all servers together may offer: OpenAI takes 128 in one
// request, and the agent has some of its own. Each server has an equal share.
const maxTools = 120

// pace says how often things are done.
type pace struct {
	look  time.Duration // between two looks at a server that works
	calm  time.Duration // between two looks at least, whatever a server reports
	retry time.Duration // before the second attempt to connect; it grows from then on
	slow  time.Duration // between two attempts at most
	leave time.Duration // how long a command gets to end by itself, and then after SIGTERM
}

// Servers are the MCP servers of a configuration, and what is known of them.
type Servers struct {
	peers []*peer
}

// New returns the servers. It connects to none of them: Run does.
func New(configured []Server, version string, logger *slog.Logger) *Servers {
	return newServers(configured, version, logger, pace{
		look: 30 * time.Second, calm: time.Second,
		retry: 250 * time.Millisecond, slow: 30 * time.Second,
		leave: 2 * time.Second,
	})
}

func newServers(configured []Server, version string, logger *slog.Logger, pace pace) *Servers {
	s := &Servers{}
	for _, server := range configured {
		s.peers = append(s.peers, newPeer(server, version, maxTools/len(configured), logger, pace))
	}
	return s
}

// Run keeps a connection to each server until ctx ends, and then ends the connections
// and the commands. Calls fail from then on.
func (s *Servers) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, p := range s.peers {
		wg.Go(func() { p.run(ctx) })
	}
	wg.Wait()
}

// Tools returns the tools of all servers that have been seen since the start. A call of
// a tool of a server that is away says so. It asks nobody.
func (s *Servers) Tools() []agent.Tool {
	var tools []agent.Tool
	for _, p := range s.peers {
		tools = append(tools, p.offered()...)
	}
	return tools
}

// Notice returns what the model has to be told about the servers whose tools are not
// known: a sentence with a blank before it, or nothing.
func (s *Servers) Notice() string {
	var missing []string
	for _, p := range s.peers {
		if !p.seen() {
			missing = append(missing, p.cfg.Name)
		}
	}
	if missing == nil {
		return ""
	}
	return " The tools of " + strings.Join(missing, ", ") + " are unavailable."
}

// Probes returns the name of each server, and a function that returns an error while it
// is away. It asks nobody.
func (s *Servers) Probes() iter.Seq2[string, func(context.Context) error] {
	return func(yield func(string, func(context.Context) error) bool) {
		for _, p := range s.peers {
			if !yield(p.cfg.Name, p.probe) {
				return
			}
		}
	}
}
