package runs

import (
	"strings"
	"sync"
	"unicode/utf8"
)

// maxText limits the text of one entry, in bytes. Only the last entry grows; the ones
// before it can be sealed.
const maxText = 4 << 10

// log is what is known of the events of a run in this process. It only grows. Either the
// run's producer appends to it, or a feed that reads what another replica has stored.
type log struct {
	mu      sync.Mutex
	attempt int // 1, and one more each time that another process starts over
	begins  int // the entry with which the attempt begins
	entries []Entry
	version uint64 // changes with the entries
	last    *Entry // not nil: the run has ended
	err     error  // not nil: nobody knows how it goes on
	changed chan struct{}
}

func newLog() *log { return &log{attempt: 1, changed: make(chan struct{})} }

// wake wakes those who wait for a change. The caller holds mu.
func (l *log) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// append adds an entry. Text is added to that of the entry before it.
func (l *log) append(e Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last != nil {
		return
	}
	if e.Kind == Token {
		// Text that is not UTF-8 would come back from the store with another length.
		l.addText(strings.ToValidUTF8(e.Text, "\uFFFD"))
	} else {
		l.entries = append(l.entries, e)
	}
	l.version++
	l.wake()
}

func (l *log) addText(text string) {
	for text != "" {
		n := len(l.entries)
		if n == 0 || l.entries[n-1].closed() {
			l.entries = append(l.entries, Entry{Kind: Token})
			n++
		}
		open := &l.entries[n-1]
		part := beginning(text, maxText-len(open.Text))
		open.Text += part
		text = text[len(part):]
	}
}

// closed reports whether the entry will not change.
func (e Entry) closed() bool { return e.Kind != Token || len(e.Text) >= maxText }

// beginning returns as many whole characters of the text as fit, and at least one.
func beginning(text string, size int) string {
	if len(text) <= size {
		return text
	}
	for size > 0 && !utf8.RuneStart(text[size]) {
		size--
	}
	if size == 0 {
		_, size = utf8.DecodeRuneInString(text)
	}
	return text[:size]
}

// end adds the last entry, once.
func (l *log) end(last Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == nil {
		l.last = &last
		l.wake()
	}
}

// fail tells the followers that nothing more will be known here.
func (l *log) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == nil && l.err == nil {
		l.err = err
		l.wake()
	}
}

// since returns a copy of the entries from the one on, and the version of the log.
func (l *log) since(from int) ([]Entry, uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Entry{}, l.entries[min(from, len(l.entries)):]...), l.version
}

func (l *log) currentVersion() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.version
}

// known returns how many entries will not change any more.
func (l *log) known(attempt int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if attempt != l.attempt {
		return min(l.begins, max(len(l.entries)-1, 0))
	}
	return max(len(l.entries)-1, 0)
}

// apply takes over what is stored: the entries from the one numbered first on. What is
// known already stays; what is longer replaces what is shorter. A newer attempt replaces
// all entries from its beginning on.
func (l *log) apply(attempt, begins, first int, entries []Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if attempt < l.attempt || l.last != nil {
		return
	}
	moved := attempt > l.attempt
	if moved {
		l.attempt, l.begins = attempt, begins
		l.entries = l.entries[:min(begins, len(l.entries))]
	}
	for i, e := range entries {
		switch at := first + i; {
		case at == len(l.entries):
			l.entries = append(l.entries, e)
			moved = true
		case at == len(l.entries)-1 && len(e.Text) > len(l.entries[at].Text):
			l.entries[at] = e
			moved = true
		}
	}
	if moved {
		l.version++
		l.wake()
	}
}

// hasEnded reports whether the log will not change any more.
func (l *log) hasEnded() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last != nil || l.err != nil
}
