package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// When, and how wide, a step that is still running is shown again.
const (
	redrawInterval = time.Second // on a terminal, where the line is overwritten
	firstRepeat    = 5           // seconds; elsewhere
	laterRepeat    = 15          // seconds
	width          = 79
)

// terminal shows steps as they are done, among the lines of the services. Where
// it can, it overwrites the line of the running step.
type terminal struct {
	tty bool

	mu  sync.Mutex
	out io.Writer
	now string // the line that is to be overwritten, empty for none
}

func newTerminal(out io.Writer, tty bool) *terminal {
	return &terminal{out: out, tty: tty}
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Write prints p, which is whole lines, above the line of the running step.
func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now == "" {
		return t.out.Write(p)
	}
	_, err := fmt.Fprintf(t.out, "\r\x1b[K%s%s", p, t.now)
	return len(p), err
}

// print prints the text and ends the line.
func (t *terminal) print(text string) {
	_, _ = t.Write([]byte(text + "\n"))
}

// show replaces the line of the running step; an empty one removes it.
func (t *terminal) show(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = fmt.Fprint(t.out, "\r\x1b[K", line)
	t.now = line
}

// fit shortens a line so that a terminal of the usual width does not wrap it.
func fit(line string) string {
	return line[:min(len(line), width)]
}

// step runs work and says that it is done and how long it took. While it runs,
// the latest progress is shown with the seconds elapsed.
func (t *terminal) step(ctx context.Context, done string, work func(ctx context.Context, progress func(string)) error) error {
	var mu sync.Mutex
	latest := ""
	begin := time.Now()
	finished := make(chan struct{})
	var showing sync.WaitGroup
	showing.Go(func() {
		ticker := time.NewTicker(redrawInterval)
		defer ticker.Stop()
		for second := 1; ; second++ {
			select {
			case <-finished:
				return
			case <-ticker.C:
			}
			mu.Lock()
			line := fmt.Sprintf("  ..  %s (%ds)", latest, int(time.Since(begin).Seconds()))
			mu.Unlock()
			if t.tty {
				t.show(fit(line))
			} else if second == firstRepeat || second%laterRepeat == 0 {
				t.print(line)
			}
		}
	})
	err := work(ctx, func(text string) {
		mu.Lock()
		defer mu.Unlock()
		latest = text
	})
	close(finished)
	showing.Wait()
	if t.tty {
		t.show("")
	}
	if err == nil {
		t.print(fmt.Sprintf("  ok  %-34s %5.1fs", done, time.Since(begin).Seconds()))
	}
	return err
}
