package steps

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestStep(t *testing.T) {
	t.Parallel()
	t.Run("prints what was done and the time it took", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			err := New(&out).Step(t.Context(), "Tea is ready", func(_ context.Context, progress func(string)) error {
				progress("boiling water")
				time.Sleep(32 * time.Second) //nolint:forbidigo // the time of a synctest bubble
				return nil
			})
			want := "  ..  boiling water (5s)\n  ..  boiling water (15s)\n  ..  boiling water (30s)\n" +
				"  ok  Tea is ready                                         32.0s\n"
			if err != nil || out.String() != want {
				t.Errorf("Step returned %v and printed\n%swant\n%s", err, &out, want)
			}
		})
	})
	t.Run("overwrites the line on a terminal, and keeps other lines above it", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			terminal := New(&out)
			terminal.interactive = true
			_ = terminal.Step(t.Context(), "Tea is ready", func(context.Context, func(string)) error {
				time.Sleep(1500 * time.Millisecond) //nolint:forbidigo // the time of a synctest bubble
				terminal.Print("a line")
				return nil
			})
			const clear = "\r\x1b[K"
			want := clear + "  ..  Tea is ready (1s)" + clear + "a line\n  ..  Tea is ready (1s)" + clear +
				"  ok  Tea is ready                                          1.5s\n"
			if out.String() != want {
				t.Errorf("Step printed\n%q\nwant\n%q", out.String(), want)
			}
		})
	})
	t.Run("returns the error of the work and prints nothing", func(t *testing.T) {
		t.Parallel()
		var out bytes.Buffer
		broken := errors.New("no water")
		err := New(&out).Step(t.Context(), "Tea is ready", func(context.Context, func(string)) error { return broken })
		if !errors.Is(err, broken) || out.Len() > 0 {
			t.Errorf("Step returned %v and printed %q", err, &out)
		}
	})
}

func TestRunningFitsTheWidth(t *testing.T) {
	t.Parallel()
	line := running(strings.Repeat("é", 200), 75*time.Second)
	if got := len([]rune(line)); got != width || !strings.HasSuffix(line, "é… (75s)") {
		t.Errorf("the line has %d columns, want %d: %s", got, width, line)
	}
}
