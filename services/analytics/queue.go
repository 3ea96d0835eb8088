package main

import "daca/services/internal/contract"

// queue holds the operations of one user that wait for a commit.
type queue struct {
	turn    chan struct{} // holds one token: the caller that takes it may commit
	refs    int           // callers that use the queue
	pending []*waiting
}

// waiting is an operation that waits for a commit, and its result.
type waiting struct {
	op      operation
	done    bool // whether a commit has set the result
	verdict verdict
	count   int64
	err     error
}

// outcome is the label of the result in the metrics.
func (w *waiting) outcome() string {
	switch {
	case w.err != nil:
		return "failed"
	case w.verdict == duplicate:
		return "duplicate"
	case w.verdict == tooOld:
		return "too_old"
	}
	return "accepted"
}

// join adds w to the user's queue, which it makes if there is none.
func (c *counter) join(user contract.UserID, w *waiting) *queue {
	c.mu.Lock()
	defer c.mu.Unlock()
	q, ok := c.queues[user]
	if !ok {
		q = &queue{turn: make(chan struct{}, 1)}
		q.turn <- struct{}{}
		c.queues[user] = q
	}
	q.refs++
	q.pending = append(q.pending, w)
	return q
}

// take empties the queue.
func (c *counter) take(q *queue) []*waiting {
	c.mu.Lock()
	defer c.mu.Unlock()
	ops := q.pending
	q.pending = nil
	return ops
}

// leave removes w if nobody took it, and the queue if nobody uses it.
func (c *counter) leave(user contract.UserID, q *queue, w *waiting) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, other := range q.pending {
		if other == w {
			q.pending = append(q.pending[:i:i], q.pending[i+1:]...)
			break
		}
	}
	if q.refs--; q.refs == 0 {
		delete(c.queues, user)
	}
}
