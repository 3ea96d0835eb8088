package runs

import (
	"sync"
	"time"

	"daca/services/internal/state"
)

// guesses knows whether the next ETag of a document can be guessed, see state.NextETag.
// That saves a read before each write. A wrong guess costs a refused write and a read,
// so that after one there are none for a while, which becomes longer each time.
type guesses struct {
	mu     sync.Mutex
	resume time.Time
	rest   time.Duration // the last such while
}

const (
	minRest = time.Second
	maxRest = time.Minute
)

// next guesses the ETag after a write over the one that is given, or returns "".
func (g *guesses) next(over string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Now().Before(g.resume) {
		return ""
	}
	next, _ := state.NextETag(over)
	return next
}

// judge learns whether a guess was right.
func (g *guesses) judge(right bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if right {
		g.rest = 0
		return
	}
	g.rest = min(max(2*g.rest, minRest), maxRest)
	g.resume = time.Now().Add(g.rest)
}
