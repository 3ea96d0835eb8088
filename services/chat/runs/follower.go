package runs

import (
	"context"
	"io"
)

// Event is an entry, or a part of its text, as a follower gets it.
type Event struct {
	Entry

	After Cursor // the place after it
}

// Follower reads the log of a run from a place on. It is not for concurrent use.
type Follower struct {
	Info Info // of the run, as it was when the follower came

	log   *log
	at    Cursor
	leave func()
}

// Ended returns a follower, from its beginning, of a run that is forgotten. The entries are
// what somebody else still knows of it.
func Ended(info Info, entries ...Entry) *Follower {
	l := newLog()
	for _, e := range entries[:len(entries)-1] {
		l.append(e)
	}
	l.end(entries[len(entries)-1])
	return &Follower{Info: info, log: l, leave: func() {}}
}

// Next returns the events that came since the last call, and waits until there is one.
// After the last event of the run it returns io.EOF, ErrUnavailable if nobody knows how
// the run goes on, and the error of ctx if that ends first; then Next can be called again.
func (f *Follower) Next(ctx context.Context) ([]Event, error) {
	for {
		events, changed, err := f.take()
		if len(events) > 0 {
			return events, nil
		}
		if err != nil {
			return nil, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Last reads on to the last entry of the run, and returns that. It fails as Next does.
func (f *Follower) Last(ctx context.Context) (Entry, error) {
	for {
		events, err := f.Next(ctx)
		if err != nil {
			return Entry{}, err
		}
		if last := events[len(events)-1]; last.After.AtEnd() {
			return last.Entry, nil
		}
	}
}

// Close ends the following. It does not end the run.
func (f *Follower) Close() { f.leave() }

// take returns what there is after the place of the follower, which moves on. If there is
// nothing it returns why, or a channel that is closed when there may be.
func (f *Follower) take() (events []Event, changed <-chan struct{}, err error) {
	l := f.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if f.at.AtEnd() {
		return nil, nil, io.EOF
	}
	if f.at.attempt < l.attempt {
		if f.at.entry > l.begins || f.at.entry == l.begins && f.at.offset > 0 { // what it has read is void
			f.at = Cursor{entry: l.begins}
			events = append(events, Event{Entry{Kind: Reset, Data: []byte("{}")}, Cursor{l.attempt, l.begins, 0}})
		}
		f.at.attempt = l.attempt
	}
	if f.at.attempt == l.attempt {
		for f.at.entry < len(l.entries) {
			e, ok := f.pass(l.entries[f.at.entry], f.at.entry+1 < len(l.entries))
			if !ok {
				break
			}
			if e.Kind != "" {
				events = append(events, e)
			}
		}
	}
	if l.last != nil {
		f.at = Cursor{attempt: max(f.at.attempt, l.attempt), entry: atEnd}
		events = append(events, Event{*l.last, f.at})
	}
	return events, l.changed, l.err
}

// pass moves the place over an entry, or to the end of its text, and returns what it
// passed. It returns false if it cannot move. More tells whether another entry follows.
func (f *Follower) pass(e Entry, more bool) (passed Event, ok bool) {
	if e.Kind != Token {
		f.at = Cursor{attempt: f.at.attempt, entry: f.at.entry + 1}
		return Event{e, f.at}, true
	}
	rest := ""
	if f.at.offset < len(e.Text) { // a place may be ahead of what is stored
		rest = e.Text[f.at.offset:]
		f.at.offset = len(e.Text)
		passed = Event{Entry{Kind: Token, Text: rest}, f.at}
	}
	if more {
		f.at = Cursor{attempt: f.at.attempt, entry: f.at.entry + 1}
		return passed, true
	}
	return passed, rest != ""
}
