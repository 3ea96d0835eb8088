package runs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"daca/services/internal/contract"
	"daca/services/internal/plainjson"
	"daca/services/internal/state"
)

const (
	maxEntries = 16 << 10  // bytes of the entries in a document; more are sealed
	maxSegment = 256 << 10 // bytes of the entries in a segment, unless one alone is larger
)

// save stores the run as it is now, if it is not stored like that. After an error it may
// be stored or not. ErrLost tells that another replica has the run.
func (r *owned) save(ctx context.Context) (err error) {
	defer func() { r.m.noteStore(err) }()
	for range 2 { // a refused write may only mean that somebody wants it stopped
		if !r.stored.known {
			if err := r.look(ctx); err != nil {
				return err
			}
		}
		if err = r.write(ctx); err == nil {
			return nil
		}
	}
	return err
}

// write writes the document over the one that is known.
func (r *owned) write(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	entries, version := r.log.since(r.sealedUpTo())
	entries, err := r.seal(ctx, entries)
	if err != nil {
		return err
	}
	value, err := r.encode(entries)
	if err != nil {
		return err
	}
	if bytes.Equal(value, r.stored.value) {
		r.stored.version = version
		return nil
	}
	ttl := r.m.lifetime()
	if r.state.Final() {
		ttl = keepFor
	}
	err = r.m.counted().Put(ctx, state.Put{
		Key: contract.RunKey(r.job.ID), Value: value, ETag: r.stored.etag, TTL: ttl,
	})
	if err != nil {
		r.stored.known = false
		return err
	}
	if r.stored.guessed {
		r.m.guesses.judge(true)
	}
	next := r.m.guesses.next(r.stored.etag)
	r.stored = stored{known: next != "", guessed: next != "", etag: next, value: value, version: version, at: time.Now()}
	return nil
}

func (r *owned) encode(entries []Entry) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	value, err := plainjson.Marshal(document{
		Version: documentVersion, RunID: r.job.ID, UserID: r.job.UserID, SessionID: r.job.SessionID,
		State: r.state, Owner: r.m.replica, Attempt: r.attempt, Begins: r.begins,
		Started: r.started, Ended: r.ended, Stop: r.stop, Died: r.died,
		Sealed: r.sealed, Entries: entries, Outcome: r.outcome,
	})
	if err != nil {
		return nil, fmt.Errorf("encoding a run: %w", err)
	}
	return value, nil
}

// look reads the document: somebody may have asked to stop the run, or have taken it.
func (r *owned) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	found, err := r.m.get(ctx, contract.RunKey(r.job.ID))
	r.m.noteStore(err)
	if err != nil {
		return err
	}
	if len(found.Value) == 0 { // not yet, or not any more
		r.sealed = nil
		r.stored = stored{known: true, at: time.Now()}
		return nil
	}
	d, err := decodeDocument(found.Value)
	if err != nil || d.Owner != r.m.replica || d.Attempt != r.attempt || !d.Started.Equal(r.started) {
		r.cancel(ErrLost)
		return errors.Join(ErrLost, err)
	}
	same := bytes.Equal(found.Value, r.stored.value)
	if same && r.stored.guessed && found.ETag != r.stored.etag {
		r.m.guesses.judge(false)
	}
	if d.Stop && !r.stop {
		r.stop = true
		r.cancel(ErrStopped)
	}
	r.stored.known, r.stored.guessed, r.stored.etag = true, false, found.ETag
	r.stored.value, r.stored.at = found.Value, time.Now()
	return nil
}

func (r *owned) sealedUpTo() int {
	if len(r.sealed) == 0 {
		return 0
	}
	return r.sealed[len(r.sealed)-1]
}

// seal stores the entries in segments that make the document too large, and returns the
// others.
func (r *owned) seal(ctx context.Context, entries []Entry) ([]Entry, error) {
	for {
		total, fit := 0, 0 // bytes of all, and how many fit in a segment
		size := 0
		for i, e := range entries {
			total += e.size()
			if size += e.size(); i == fit && e.closed() && (size <= maxSegment || i == 0) {
				fit = i + 1
			}
		}
		if total <= maxEntries || fit == 0 {
			return entries, nil
		}
		end := r.sealedUpTo() + fit
		if err := r.writeSegment(ctx, end, entries[:fit]); err != nil {
			return nil, err
		}
		r.sealed = append(r.sealed, end)
		entries = entries[fit:]
	}
}

// writeSegment stores a segment. It may be stored already: the last try seemed to fail.
func (r *owned) writeSegment(ctx context.Context, end int, entries []Entry) error {
	value, err := plainjson.Marshal(segment{entries})
	if err != nil {
		return fmt.Errorf("encoding a part of a run: %w", err)
	}
	key := contract.RunSegmentKey(r.job.ID, r.attempt, end)
	err = r.m.counted().Put(ctx, state.Put{Key: key, Value: value, TTL: r.m.lifetime() + keepFor})
	if err == nil {
		return nil
	}
	found, readErr := r.m.get(ctx, key)
	if readErr != nil || len(found.Value) == 0 {
		return errors.Join(err, readErr)
	}
	if bytes.Equal(found.Value, value) {
		return nil
	}
	// The store had lost the document, and with it how the entries were divided.
	return r.m.counted().Put(ctx, state.Put{Key: key, Value: value, ETag: found.ETag, TTL: r.m.lifetime() + keepFor})
}
