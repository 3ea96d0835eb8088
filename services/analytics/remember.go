package main

import "time"

// memory says for how long a document remembers, and looks into its segments.
type memory struct {
	now    time.Time
	window time.Duration
	// ids returns the ids of a segment, or nil if they are lost.
	ids func(segment) *idSet
}

// apply changes the document by op, unless it remembers op's ID.
func (d *document) apply(op operation, m memory) verdict {
	if op.Change == nil {
		if d.known {
			return duplicate
		}
		d.known = true
		return accepted
	}
	at := op.at(m.now)
	if at.After(m.now.Add(m.window)) {
		return tooEarly
	}
	id := digest(op.ID)
	seen, lost := d.seen(id, op, at, m)
	switch {
	case seen && op.Content != "" && !d.sameContent(op, at, m):
		return reused
	case seen:
		return duplicate
	case lost:
		return forgotten
	case !op.Time.IsZero() && d.horizon != 0 && at.UnixMilli() <= d.horizon:
		return tooOld
	}
	count := op.Change(d.count)
	if count > maxCount {
		return full
	}
	d.known = true
	d.count = count
	d.remember(id, at, m.now)
	if op.Content != "" {
		d.remember(digest(op.contentID()), at, m.now)
	}
	return accepted
}

// seen reports whether the document remembers the digest, and whether ids are lost
// among which it may have been.
func (d *document) seen(id string, op operation, at time.Time, m memory) (seen, lost bool) {
	if d.set().has(id) {
		return true, false
	}
	for _, s := range d.sealed {
		if !s.mayHave(op, at) {
			continue
		}
		ids := m.ids(s)
		if ids == nil {
			lost = true
		} else if ids.has(id) {
			return true, false
		}
	}
	return false, lost
}

func (d *document) sameContent(op operation, at time.Time, m memory) bool {
	seen, lost := d.seen(digest(op.contentID()), op, at, m)
	return seen || lost
}

func (d *document) remember(id string, at, now time.Time) {
	n := len(d.spans)
	if n == 0 || now.Sub(time.Unix(d.spans[n-1].At, 0)) >= spanLength {
		d.spans = append(d.spans, span{At: now.Unix()})
		n++
	}
	d.spans[n-1].Events.add(id, at.UnixMilli())
	d.set().add(id, at.UnixMilli())
}

// forget drops the events that happened and were counted longer ago than the window.
// The horizon is therefore never in the future, whatever time an event has.
func (d *document) forget(now time.Time, window time.Duration) {
	before := now.Add(-window)
	kept := 0
	for _, s := range d.spans {
		var latest int64
		s.Events.each(func(_ []byte, at int64) { latest = max(latest, at) })
		counted := time.Unix(s.At, 0).Add(spanLength)
		if counted.Before(before) && latest < before.UnixMilli() {
			d.horizon = max(d.horizon, latest)
			continue
		}
		d.spans[kept] = s
		kept++
	}
	if kept < len(d.spans) {
		d.spans = d.spans[:kept]
		d.ids = nil
	}
	left := d.sealed[:0]
	for _, s := range d.sealed {
		if s.end().Before(before) {
			d.horizon = max(d.horizon, s.To)
			continue
		}
		left = append(left, s)
	}
	d.sealed = left
}
