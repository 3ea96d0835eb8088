// Package steps shows the steps of a long job: each one as it runs, and how
// long it took when it is done. `make run` and `make cluster` use it.
package steps

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/mattn/go-isatty"
)

// A running step is shown again at these times. Only a terminal can overwrite
// the line; elsewhere each time is a line of its own.
const (
	redrawInterval = time.Second
	firstRepeat    = 5  // seconds, where lines cannot be overwritten
	laterRepeat    = 15 // seconds
)

// width is the number of columns that a line may have on any terminal.
const width = 79

// Terminal shows steps among other lines that are written to it. It may be
// used concurrently.
type Terminal struct {
	interactive bool

	mu      sync.Mutex
	out     io.Writer
	running string // the line of the running step, which is overwritten; empty if there is none
}

// New returns a Terminal that writes to out. It overwrites lines if out is a
// terminal.
func New(out io.Writer) *Terminal {
	file, ok := out.(*os.File)
	return &Terminal{out: out, interactive: ok && isatty.IsTerminal(file.Fd())}
}

// Interactive reports whether a person sees the output on a terminal.
func (t *Terminal) Interactive() bool { return t.interactive }

// Write prints p, which has to be whole lines, above the line of the running
// step.
func (t *Terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running == "" {
		return t.out.Write(p)
	}
	_, err := fmt.Fprintf(t.out, "\r\x1b[K%s%s", p, t.running)
	return len(p), err
}

// Print prints the text and ends the line.
func (t *Terminal) Print(text string) {
	_, _ = t.Write([]byte(text + "\n"))
}

// Step runs work. While it runs, Step shows what work last reported as its
// progress, with the seconds elapsed. Afterwards it prints done, which says what
// has been achieved, and the time that it took. If work fails, Step prints
// nothing and returns its error.
func (t *Terminal) Step(
	ctx context.Context, done string, work func(ctx context.Context, progress func(string)) error,
) error {
	latest := &progress{text: done}
	begin := time.Now()
	finished := make(chan struct{})
	var showing sync.WaitGroup
	showing.Go(func() { t.showUntil(finished, begin, latest) })

	err := work(ctx, latest.set)

	close(finished)
	showing.Wait()
	if t.interactive {
		t.overwrite("")
	}
	if err == nil {
		t.Print(fmt.Sprintf("  ok  %-50s %6.1fs", done, time.Since(begin).Seconds()))
	}
	return err
}

// showUntil shows the progress of a step again and again until it is finished.
func (t *Terminal) showUntil(finished <-chan struct{}, begin time.Time, latest *progress) {
	ticker := time.NewTicker(redrawInterval)
	defer ticker.Stop()
	for second := 1; ; second++ {
		select {
		case <-finished:
			return
		case <-ticker.C:
		}
		line := running(latest.get(), time.Since(begin))
		switch {
		case t.interactive:
			t.overwrite(line)
		case second == firstRepeat || second%laterRepeat == 0:
			t.Print(line)
		}
	}
}

// overwrite replaces the line of the running step. An empty line removes it.
func (t *Terminal) overwrite(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = fmt.Fprint(t.out, "\r\x1b[K", line)
	t.running = line
}

// running is the line of a step that has been running for this long. Of a text
// that is too long the end is cut, so that the time stays visible.
func running(text string, elapsed time.Duration) string {
	seconds := fmt.Sprintf(" (%ds)", int(elapsed.Seconds()))
	const before = "  ..  "
	room := width - len(before) - len(seconds)
	runes := []rune(text)
	if len(runes) > room {
		text = string(runes[:room-1]) + "…"
	}
	return before + text + seconds
}

// progress is the text that a step reported last.
type progress struct {
	mu   sync.Mutex
	text string
}

func (p *progress) set(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = text
}

func (p *progress) get() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text
}
