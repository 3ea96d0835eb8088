package main

import "sync"

// topics is a set of topics, for concurrent use.
type topics struct {
	mu  sync.Mutex
	all map[string]bool
}

func (t *topics) has(topic string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all[topic]
}

func (t *topics) add(topic string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil {
		t.all = map[string]bool{}
	}
	t.all[topic] = true
}

func (t *topics) replace(all map[string]bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = all
}
