package stack

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sync"
)

const (
	nameWidth = len("analytics-dapr")
	maxLine   = 64 << 10
	tailLines = 12
)

// Output writes the lines of several processes to one writer, each line in one piece
// and with the name of its process in front. A nil Output discards them.
type Output struct {
	colour bool

	mu    sync.Mutex
	w     io.Writer
	names []string
}

// NewOutput returns an Output to w, on which it makes one call at a time. If colour
// is set, each name has a terminal colour.
func NewOutput(w io.Writer, colour bool) *Output {
	return &Output{w: w, colour: colour}
}

func (o *Output) write(name string, line []byte) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	prefix := fmt.Sprintf("%-*s | ", nameWidth, name)
	if o.colour {
		if !slices.Contains(o.names, name) {
			o.names = append(o.names, name)
		}
		prefix = fmt.Sprintf("\x1b[%dm%s\x1b[0m", 31+slices.Index(o.names, name)%6, prefix)
	}
	_, _ = fmt.Fprintf(o.w, "%s%s\n", prefix, line)
}

func (o *Output) lines(name string, t *tail) *lineWriter {
	return &lineWriter{output: o, name: name, tail: t}
}

// lineWriter splits into lines what a process prints.
type lineWriter struct {
	output *Output
	name   string
	tail   *tail
	rest   []byte
}

// Write never fails.
func (l *lineWriter) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			break
		}
		l.emit(line)
		l.rest = rest
	}
	if len(l.rest) > maxLine {
		l.flush()
	}
	return len(p), nil
}

func (l *lineWriter) flush() {
	if len(l.rest) > 0 {
		l.emit(l.rest)
	}
	l.rest = nil
}

func (l *lineWriter) emit(line []byte) {
	line = bytes.TrimRight(line, "\r")
	l.output.write(l.name, line)
	l.tail.add(string(line))
}

// tail keeps the last lines of a process.
type tail struct {
	mu   sync.Mutex
	last []string
}

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.last) == tailLines {
		t.last = slices.Delete(t.last, 0, 1)
	}
	t.last = append(t.last, line)
}

func (t *tail) lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.last)
}
