package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// When a step that is still running is shown again, and how wide.
const (
	redrawInterval = time.Second // on a terminal, where the line is overwritten
	firstRepeat    = 5           // seconds; elsewhere
	laterRepeat    = 30          // seconds
	width          = 100
)

// terminal shows steps as they are done.
type terminal struct {
	out io.Writer
	tty bool
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// step runs work and says that it is done and how long it took. While it runs,
// the latest progress is shown with the seconds elapsed.
func (t terminal) step(ctx context.Context, name string, work func(context.Context, func(string)) error) error {
	var mu sync.Mutex
	latest := name
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
			line := fmt.Sprintf("  ..  (%ds) %s", int(time.Since(begin).Seconds()), latest)
			mu.Unlock()
			line = line[:min(len(line), width)]
			switch {
			case t.tty:
				_, _ = fmt.Fprint(t.out, "\r\x1b[K", line)
			case second == firstRepeat || second%laterRepeat == 0:
				_, _ = fmt.Fprintln(t.out, line)
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
		_, _ = fmt.Fprint(t.out, "\r\x1b[K")
	}
	if err == nil {
		_, _ = fmt.Fprintf(t.out, "  ok  %-50s %6.1fs\n", name, time.Since(begin).Seconds())
	}
	return err
}
