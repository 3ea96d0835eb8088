package main

import (
	"context"
	"time"

	"daca/services/internal/state"
)

// apply makes the changes of one document, and returns the segments that have to be
// stored before it. Changes that are found to be made have the ack read.
func (c *counter) apply(w *work, m memory, read *ack) (segments []*sealedSegment) {
	for _, ch := range w.changes {
		ch.verdict = w.doc.apply(ch.operation, m)
		ch.count = w.doc.count
		w.changed = w.changed || ch.verdict == accepted
	}
	if !w.changed {
		for _, ch := range w.changes {
			ch.ack = read
			c.settle(ch, nil)
		}
		return nil
	}
	w.doc.forget(m.now, m.window)
	// What is sealed now is merged when the next commit has read it.
	merged, err := c.merge(w.doc, m)
	if err != nil {
		w.fail(err)
		return nil
	}
	sealed, err := w.doc.seal(max(recentLimit, sealFactor*len(w.changes)), m)
	if err != nil {
		w.fail(err)
		return nil
	}
	for _, s := range []*sealedSegment{merged, sealed} {
		if s != nil {
			c.cache.segments.add(s.Name, s.ids)
			segments = append(segments, s)
		}
	}
	if w.value, err = w.doc.encode(); err != nil {
		w.fail(err)
		return nil
	}
	return segments
}

// sealFactor is how many commits of a document that gets many events at a time are
// sealed together.
const sealFactor = 4

// merge merges segments of the document, if there are enough. It returns nil if the
// result is stored already: another replica was faster at the last try.
func (c *counter) merge(d *document, m memory) (*sealedSegment, error) {
	from, to := d.mergeable(c.mergeAt)
	if from == to {
		return nil, nil //nolint:nilnil // there is nothing to store
	}
	key := d.sealed[from].Name + " " + d.sealed[to-1].Name
	if s, ok := c.cache.merges.Get(key); ok {
		d.replace(from, to, s)
		return nil, nil //nolint:nilnil // there is nothing to store
	}
	s, err := d.merge(from, to, m)
	if s != nil {
		s.mergeOf = key
	}
	return s, err
}

// write stores the segments, and then the documents that changed, for a commit that began
// then.
func (c *counter) write(ctx context.Context, works []*work, segments []*sealedSegment, began time.Time) error {
	values := make([]state.Put, len(segments))
	for i, s := range segments {
		values[i] = s.Put
	}
	for _, group := range inParts(values) {
		c.metrics.calls.WithLabelValues("put").Inc()
		if err := c.store.Put(ctx, group...); err != nil {
			for _, w := range works {
				w.failChanged(err)
			}
			return err
		}
		c.metrics.sealed.Add(float64(len(group)))
	}
	for _, s := range segments {
		if s.mergeOf != "" {
			c.cache.merges.Add(s.mergeOf, s.segment)
		}
	}
	var documents []state.Put
	byKey := make(map[string]*work, len(works))
	for _, w := range works {
		if w.doc == nil || !w.changed {
			continue
		}
		documents = append(documents, state.Put{Key: w.key, Value: w.value, ETag: w.etag})
		byKey[w.key] = w
	}
	var failure error
	for _, group := range inParts(documents) {
		c.metrics.calls.WithLabelValues("put").Inc()
		err := c.store.Put(ctx, group...)
		now := time.Now()
		written := &ack{at: now, took: now.Sub(began)}
		guessed := false
		for _, item := range group {
			w := byKey[item.Key]
			guessed = guessed || w.guessed
			if err != nil {
				w.fail(err)
				continue
			}
			for _, ch := range w.changes {
				ch.ack = written
				c.settle(ch, nil)
			}
			c.cache.put(w.key, w.doc, w.etag)
		}
		c.cache.judge(guessed, err == nil)
		if err != nil && ctx.Err() != nil {
			failure = err
		}
	}
	return failure
}

// failChanged leaves the changes for the next try if they have to be written.
func (w *work) failChanged(err error) {
	if w.doc != nil && w.changed {
		w.fail(err)
	}
}

// maxPart limits the values of one call, in bytes, well below what Dapr's gRPC API
// takes (4 MiB).
const maxPart = 2 << 20

// inParts divides items so that each part fits in a call.
func inParts(items []state.Put) (parts [][]state.Put) {
	size := 0
	begin := 0
	for i, item := range items {
		if size += len(item.Value) + len(item.Key); size > maxPart && i > begin {
			parts = append(parts, items[begin:i])
			begin = i
			size = len(item.Value) + len(item.Key)
		}
	}
	if begin < len(items) {
		parts = append(parts, items[begin:])
	}
	return parts
}
