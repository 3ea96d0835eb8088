package serve

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

// Main is the main function of the service. It calls run with a context that ends
// at SIGINT or SIGTERM, the environment and the standard output. If run fails, it
// prints the error and exits with status 1.
//
// Unless GOMAXPROCS is set, the Go code of a service runs on one core at a time: it
// mostly waits for its sidecar, and a second core costs more than it helps.
//
// With the arguments "check" and URLs it calls CheckURLs instead. There are no
// other arguments: a service is configured by its environment.
func Main(service string, run func(ctx context.Context, environ []string, stdout io.Writer) error) {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	switch args := os.Args[1:]; {
	case len(args) == 0:
		err = run(ctx, os.Environ(), os.Stdout)
	case args[0] == "check":
		err = CheckURLs(ctx, args[1:], os.Stdout)
	default:
		err = fmt.Errorf("unknown argument %q; the configuration comes from the environment", args[0])
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, service+":", err)
		os.Exit(1)
	}
}
