package main

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"daca/services/internal/serve"
)

// lane is what the publisher knows of one topic. A topic does not wait for another.
type lane struct {
	topic string
	spool *spool
	// failing reports whether the last request that published gave up. Then requests
	// do not wait for the broker: their events go to the spool, until the broker
	// takes any event of the topic.
	failing atomic.Bool
	outcome serve.Outcome // of the last attempt to publish
	wake    chan struct{} // signals that the spool is not empty

	// Only the drain of the topic uses these.
	passed uint64   // the number of the last record that was tried
	taken  []uint64 // records that are in the broker and could not be removed yet
}

func newLane(topic string, s *spool) *lane {
	l := &lane{topic: topic, spool: s, wake: make(chan struct{}, 1)}
	l.wakeUp() // an earlier process may have left events
	return l
}

func (l *lane) wakeUp() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// problem says what is wrong with the topic, and nothing if it is in order.
func (l *lane) problem(ctx context.Context) string {
	text := ""
	if n := l.spool.Len(l.topic); n > 0 {
		age := l.spool.Age(l.topic).Round(time.Millisecond)
		text = fmt.Sprintf("topic %s: %d events wait in the spool, the oldest for %s", l.topic, n, age)
	}
	if err := l.outcome.Probe(ctx); err != nil {
		text = strings.TrimPrefix(text+": "+serve.Cause(err), ": ")
	}
	return text
}

// Probe is for a serve.Check. It returns an error while events wait in the spool, or
// if the broker did not take the last event.
func (p *publisher) Probe(ctx context.Context) error {
	var problems []string
	for _, l := range p.lanes {
		if text := l.problem(ctx); text != "" {
			problems = append(problems, text)
		}
	}
	if problems == nil {
		return nil
	}
	return serve.Reason(strings.Join(problems, "; "))
}
