// Command bench measures what exact counting and a chat request cost, as ratios to
// the same work done without them: `make bench`. Rates of one machine say little about
// another, ratios of things that were measured in turn do.
//
// Each round runs all subscribers, every second one in the reverse order. The events of
// a run are in Redis before the sidecar of its subscriber starts, nothing stands between
// sidecar and service, and only what happens between a tenth and nine tenths of the
// acknowledgements is timed. The medians of the rounds are printed with the lowest and
// the highest value, and -out writes them as JSON (see figure). With -base, a commit and
// this checkout are measured in turn. -rounds and -events make a trial short. -only=pairs
// compares the stores and brokers of components/alternatives, whose servers it needs.
//
// It starts all that it measures: a Redis for each subscriber, sidecars, the services,
// and what they are compared with. It reads CPU time and memory from /proc, so it needs
// Linux. A run that counts an event too often or not at all ends it with an error.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"daca/services/internal/stack"
	"daca/services/local/repository"
)

// settings say how much is measured. The defaults take about a quarter of an hour.
type settings struct {
	rounds   int           // how often everything is measured
	events   int           // in one run of a subscriber
	hot      int           // events of the hot user before the first run
	deep     int           // events of the user whose lone events are measured
	load     time.Duration // of chat, over all rounds
	requests int           // of chat by one client, in one round
	out      string        // path of the figures as JSON; empty: nowhere
	only     string        // phase that is measured; empty: all
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "\nError: %v\n", err)
		os.Exit(1)
	}
}

// run measures, or does what the name says by which the program was called: it is
// also the subscribers that the services are compared with.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	switch filepath.Base(args[0]) {
	case noopProgram, analyticsProgram:
		return serveNoop(ctx, os.Getenv("HOST"), os.Getenv("PORT"))
	case rawProgram:
		return consumeRaw(ctx, os.Getenv("RAW_REDIS"))
	}
	var s settings
	var base string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&s.rounds, "rounds", 7, "how often everything is measured")
	flags.IntVar(&s.events, "events", 30_000, "events in one run of a subscriber")
	flags.IntVar(&s.hot, "hot", 20_000, "events of the hot user before the first run")
	flags.IntVar(&s.deep, "deep", 100_000, "events of the user whose lone events are measured")
	flags.DurationVar(&s.load, "load", time.Minute, "how long chat is under load, over all rounds")
	flags.IntVar(&s.requests, "requests", 100, "chat requests by one client in a round")
	flags.StringVar(&s.out, "out", "", "file for the figures, as JSON")
	flags.StringVar(&s.only, "only", "", "delivery, chat, conversations, sizes or pairs; empty: all but pairs")
	flags.StringVar(&base, "base", "", "commit to compare with, instead of measuring once")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if s.rounds < 1 || s.events < 1000 || flags.NArg() > 0 {
		return errors.New("-rounds has to be 1 or more, -events 1000 or more, and there are no other arguments")
	}
	if s.only != "" && !slices.ContainsFunc(new(bench).phases(), func(p phase) bool { return p.name == s.only }) {
		return fmt.Errorf("-only: there is no phase %q", s.only)
	}
	root, err := repository.Root(".")
	if err != nil {
		return err
	}
	if base != "" {
		return compare(ctx, stdout, root, base, s)
	}
	return measure(ctx, stdout, root, s)
}

// measure measures everything, prints tables, and writes the figures.
func measure(ctx context.Context, stdout io.Writer, root string, s settings) error {
	b, err := prepare(ctx, stdout, root, s)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.dir) }()
	var figures []figure
	for _, phase := range b.phases() {
		if s.only != phase.name && (s.only != "" || phase.extra) {
			continue
		}
		measured, err := phase.measure(ctx)
		if err != nil {
			return err
		}
		figures = append(figures, measured...)
	}
	_, _ = fmt.Fprint(stdout, "\n", table(figures))
	if s.out == "" {
		return nil
	}
	return write(s.out, figures)
}

// phase measures some of the figures.
type phase struct {
	name    string
	measure func(context.Context) ([]figure, error)
	extra   bool // only when it is asked for
}

func (b *bench) phases() []phase {
	return []phase{
		{"delivery", b.delivery, false}, {"chat", b.chat, false}, {"conversations", b.conversations, false},
		{"sizes", b.sizes, false}, {"pairs", b.pairs, true},
	}
}

// bench is what the phases share.
type bench struct {
	settings

	stdout io.Writer
	root   string // of the repository
	dir    string // for everything that is written; removed at the end
	bin    string // directory of the services' programs
	noops  string // directory of programs that do nothing, by the names of the services
	daprd  string
}

// prepare builds the programs. The caller removes the directory of the result.
func prepare(ctx context.Context, stdout io.Writer, root string, s settings) (b *bench, err error) {
	b = &bench{settings: s, stdout: stdout, root: root}
	b.daprd, err = stack.Daprd(ctx, root, func(line string) { b.say("%s", line) })
	if err != nil {
		return nil, err
	}
	b.dir, err = os.MkdirTemp("", "daca-bench")
	if err != nil {
		return nil, err
	}
	b.bin = filepath.Join(b.dir, "bin")
	b.noops = filepath.Join(b.dir, "noops")
	b.say("building the services")
	if err := errors.Join(
		repository.BuildServices(ctx, root, b.bin),
		b.link(noopProgram, rawProgram, analyticsProgram),
	); err != nil {
		return nil, errors.Join(err, os.RemoveAll(b.dir))
	}
	return b, nil
}

// link makes this program callable by the names.
func (b *bench) link(names ...string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("looking for this program: %w", err)
	}
	errs := []error{os.MkdirAll(b.noops, 0o755)}
	for _, name := range names {
		errs = append(errs, os.Symlink(self, filepath.Join(b.noops, name)))
	}
	return errors.Join(errs...)
}

// say prints a line about the progress.
func (b *bench) say(format string, values ...any) {
	_, _ = fmt.Fprintf(b.stdout, time.Now().Format(time.TimeOnly)+"  "+format+"\n", values...)
}
