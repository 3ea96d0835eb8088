package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"daca/services/internal/contract"
	"daca/services/internal/state"
)

var (
	errNotMade  = errors.New("the commit was not made") // because it panicked
	errNotTried = errors.New("earlier commits took too long")
)

// lead commits what waits until all changes of the caller have a result, and passes
// the turn on.
func (c *counter) lead(ctx context.Context, own *caller) {
	var left []*change
	finished := false
	defer func() {
		if !finished { // it panicked, and nobody else has these changes
			for _, ch := range left {
				c.settle(ch, errNotMade)
			}
			left = nil
		}
		c.giveBack(left)
		c.turn <- struct{}{}
	}()
	for tries := 0; own.left > 0; tries++ {
		left = append(left, c.take()...)
		c.expire(ctx, left)
		begin := time.Now()
		outage := c.commit(ctx, left)
		left = slices.DeleteFunc(left, (*change).settled)
		if own.left > 0 {
			c.metrics.conflicts.Add(float64(len(left)))
			pause(ctx, tries, time.Since(begin), outage)
		}
	}
	finished = true
}

// settle sets the result of a change, with the verdict and the count that it has, or
// an error.
func (c *counter) settle(ch *change, err error) {
	if ch.settled() {
		return
	}
	ch.err = err
	label := ch.verdict.String()
	if err != nil {
		label = "failed"
	}
	c.metrics.verdicts.WithLabelValues(label).Inc()
	r := ch.of
	ch.of = nil
	if r.left--; r.left == 0 {
		close(r.done)
	}
}

func (ch *change) settled() bool { return ch.of == nil }

// expire gives up the changes whose time is over.
func (c *counter) expire(ctx context.Context, changes []*change) {
	now := time.Now()
	expired := 0
	var cause error
	for _, ch := range changes {
		if !ch.settled() && now.After(ch.deadline) {
			expired++
			cause = cmp.Or(ch.err, errNotTried)
			c.settle(ch, fmt.Errorf("counting for user %q within %s: %w", ch.user, c.cfg.Budget, cause))
		}
	}
	if expired > 0 {
		c.logger.ErrorContext(ctx, "counting failed",
			"changes", expired, "error", cause, "dependency", contract.StateStore)
	}
}

// pause waits before the next try. While another replica is faster, that is about as
// long as a try takes, so that one of them gets through, and grows with the number of
// tries. While the store does not answer, it is longer.
func pause(ctx context.Context, tries int, took time.Duration, outage bool) {
	wait := min(max(took, time.Millisecond), 20*time.Millisecond) << min(tries, 3)
	if outage {
		wait = min(20*time.Millisecond<<min(tries, 10), 250*time.Millisecond)
	}
	timer := time.NewTimer(wait/2 + rand.N(wait)) //nolint:gosec // jitter
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// work is what a commit does to one document.
type work struct {
	key     string
	changes []*change
	doc     *document
	etag    string
	guessed bool // whether the ETag is a guess
	changed bool
	value   []byte
}

// fail leaves the changes for the next try.
func (w *work) fail(err error) {
	for _, ch := range w.changes {
		if !ch.settled() {
			ch.err = err
		}
	}
	w.doc = nil
}

// commit tries once to make the changes, and settles those that are made. It reports
// whether the store did not answer.
//
// Each step is one call of the store for all documents. A write that returned an
// error may have been made all the same: the next try reads the document again and
// finds the operations in it.
func (c *counter) commit(ctx context.Context, changes []*change) (outage bool) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Budget)
	defer cancel()
	began := time.Now()
	works := c.group(changes)
	err := c.readDocuments(ctx, works)
	found, segmentErr := c.readSegments(ctx, works)
	err = errors.Join(err, segmentErr)
	m := memory{now: time.Now(), window: c.cfg.Window, ids: func(s segment) *idSet { return found[s.Name] }}
	read := &ack{at: m.now, took: m.now.Sub(began)}
	var segments []*sealedSegment
	for _, w := range works {
		if w.doc != nil {
			segments = append(segments, c.apply(w, m, read)...)
		}
	}
	return errors.Join(err, c.write(ctx, works, segments, began)) != nil
}

// group returns the works for the changes that have no result, in their order.
func (c *counter) group(changes []*change) []*work {
	works := make([]*work, 0, len(changes))
	byUser := make(map[contract.UserID]*work, len(changes))
	for _, ch := range changes {
		if ch.settled() {
			continue
		}
		w := byUser[ch.user]
		if w == nil {
			w = &work{key: ch.user.Key()}
			byUser[ch.user] = w
			works = append(works, w)
		}
		w.changes = append(w.changes, ch)
	}
	return works
}

// readDocuments gets the documents: those that this process has just written from
// the cache, the others from the store.
func (c *counter) readDocuments(ctx context.Context, works []*work) error {
	var missing []*work
	var keys []string
	for _, w := range works {
		if w.doc, w.etag = c.cache.take(w.key); w.doc != nil {
			w.guessed = true
			continue
		}
		missing = append(missing, w)
		keys = append(keys, w.key)
	}
	if len(keys) == 0 {
		return nil
	}
	c.metrics.calls.WithLabelValues("get").Inc()
	found, err := c.store.Get(ctx, keys...)
	for i, w := range missing {
		if err != nil {
			w.fail(err)
			continue
		}
		c.open(w, found[i])
	}
	return err
}

// open decodes the document of a work.
func (c *counter) open(w *work, found state.Stored) {
	w.etag = found.ETag
	w.doc = &document{}
	if len(found.Value) == 0 {
		return
	}
	d, err := decodeDocument(w.key, found.Value)
	if err == nil {
		w.doc = d
		return
	}
	w.fail(err)
	if errors.Is(err, errCorrupt) {
		for _, ch := range w.changes {
			c.settle(ch, err)
		}
	}
}

// readSegments returns those segments, by name, that the changes have to be looked
// for in, or that are about to become one. A segment that is lost is not among them.
func (c *counter) readSegments(ctx context.Context, works []*work) (map[string]*idSet, error) {
	found := map[string]*idSet{}
	var missing []string
	for _, s := range c.wanted(works) {
		if _, ok := found[s.Name]; ok {
			continue
		}
		ids, ok := c.cache.segments.get(s.Name)
		if !ok {
			missing = append(missing, s.Name)
		}
		found[s.Name] = ids
	}
	if len(missing) == 0 {
		return found, nil
	}
	keys := make([]string, len(missing))
	for i, name := range missing {
		keys[i] = contract.SegmentKey(name)
	}
	c.metrics.calls.WithLabelValues("get").Inc()
	read, err := c.store.Get(ctx, keys...)
	for i := range read {
		if err == nil && len(keys) > 1 && len(read[i].Value) == 0 {
			err = c.readAgain(ctx, keys[i], &read[i])
		}
	}
	if err != nil {
		for _, w := range works {
			if w.doc != nil && len(w.doc.sealed) > 0 {
				w.fail(err)
			}
		}
		return nil, err
	}
	for i, name := range missing {
		ids, err := decodeSegment(read[i].Value)
		if err != nil {
			c.logger.ErrorContext(ctx, "ids of counted events are lost: copies of these events go to the dead letters",
				"key", keys[i], "error", err, "dependency", contract.StateStore)
			continue
		}
		found[name] = ids
		c.cache.segments.add(name, ids)
	}
	return found, nil
}

// readAgain reads a segment alone that was not found among others: only then is it lost.
// A document need not be read again, because it cannot be created if it exists.
func (c *counter) readAgain(ctx context.Context, key string, into *state.Stored) error {
	c.metrics.calls.WithLabelValues("get").Inc()
	found, err := c.store.Get(ctx, key)
	if err == nil {
		*into = found[0]
	}
	return err
}

// wanted returns the segments that are needed to apply the changes.
func (c *counter) wanted(works []*work) (segments []segment) {
	for _, w := range works {
		if w.doc == nil || len(w.doc.sealed) == 0 {
			continue
		}
		from, to := w.doc.mergeable(c.mergeAt)
		segments = append(segments, w.doc.sealed[from:to]...)
		for _, ch := range w.changes {
			if ch.Change == nil || ch.Content == "" && w.doc.set().has(digest(ch.ID)) {
				continue // a copy; only with a Content has more to be looked for
			}
			for _, s := range w.doc.sealed {
				if s.mayHave(ch.operation, ch.at(ch.made)) {
					segments = append(segments, s)
				}
			}
		}
	}
	return segments
}
