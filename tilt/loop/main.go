// Loop tries what Tilt does for a developer: the suite comes up and answers,
// and an edit of a Go file is served in the cluster.
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
)

const usage = `usage: loop answer       check that the suite under Tilt answers and counts
       loop ci [flags]   run tilt ci; then run tilt up on a copy of the working
                         tree, and check that an edit is served; then tilt down
Run it in the root of the repository.`

// addresses are the URLs at which the services can be asked.
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
	forwarded := addresses{ // the port-forwards of the Tiltfile
		chat:      "http://localhost:8000",
		analytics: "http://localhost:8001",
		model:     "http://localhost:8002",
	}
	switch {
	case len(args) == 1 && args[0] == "answer":
		return answer(ctx, forwarded, stdout)
	case len(args) > 0 && args[0] == "ci":
		var tilt program
		flags := flag.NewFlagSet("loop ci", flag.ContinueOnError)
		flags.StringVar(&tilt.path, "tilt", "tilt", "the `program`")
		flags.StringVar(&tilt.context, "context", "kind-daca", "the Kubernetes `context`")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return ci(ctx, tilt, ".", forwarded, stdout)
	}
	_, _ = fmt.Fprintln(stdout, usage)
	return errors.New("expected answer or ci")
}
