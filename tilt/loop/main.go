// Loop tries what Tilt does for a developer: that the suite comes up and
// answers, and how long an edit takes until it is served in the cluster.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const usage = `usage: loop answer           the suite that Tilt runs answers, and counts
       loop ci [flags]       tilt ci; then tilt up, and edits of Go files, in a
                             copy of the working tree; then tilt down
To be run in the root of the repository.`

// addresses are where the services can be asked.
type addresses struct{ chat, analytics, model string }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "loop:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	forwarded := addresses{"http://localhost:8000", "http://localhost:8001", "http://localhost:8002"} // as in the Tiltfile
	switch {
	case len(args) == 1 && args[0] == "answer":
		return answer(ctx, forwarded, stdout)
	case len(args) > 0 && args[0] == "ci":
		options := options{at: forwarded, stdout: stdout}
		flags := flag.NewFlagSet("loop ci", flag.ContinueOnError)
		flags.StringVar(&options.tilt, "tilt", "tilt", "the program")
		flags.StringVar(&options.kubectl, "kubectl", "kubectl", "the program")
		flags.StringVar(&options.context, "context", "kind-daca", "the Kubernetes context")
		flags.IntVar(&options.rounds, "rounds", 3, "how often each file is edited")
		flags.DurationVar(&options.aim, "aim", 10*time.Second, "what an edit should take at most, to be shown")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return ci(ctx, options, ".")
	}
	_, _ = fmt.Fprintln(stdout, usage)
	return errors.New("expected answer or ci")
}
