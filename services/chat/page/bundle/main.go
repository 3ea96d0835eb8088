// Command bundle makes the page that the chat service embeds: it fetches the npm
// packages of package-lock.json, bundles the sources with esbuild, and writes the
// result, compressed, to dist. `make page` runs it. No Node is needed.
//
//	bundle [-dir services/chat/page] [-serve localhost:3000 -to http://localhost:8000]
//
// With -serve it writes nothing. It makes the page from the sources for each visit, and
// serves it in front of a chat service that runs.
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
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Environ(), os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "making the page: %v\n", err)
	}
	switch {
	case errors.Is(err, errNoRegistry):
		os.Exit(noRegistry)
	case err != nil:
		os.Exit(1)
	}
}

// noRegistry is the exit status for errNoRegistry: services can be built without a page.
const noRegistry = 3

// run makes the page in the directory of the arguments, and says what it does on stdout.
func run(ctx context.Context, args, environ []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("bundle", flag.ContinueOnError)
	dir := flags.String("dir", ".", "directory of the page")
	address := flags.String("serve", "", "serve the page at this address, in place of writing it")
	to := flags.String("to", "http://localhost:8000", "with -serve: the chat service")
	if err := flags.Parse(args); err != nil {
		return err
	}
	began := time.Now()
	packages, err := readLock(filepath.Join(*dir, "package-lock.json"))
	if err != nil {
		return err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return fmt.Errorf("looking for a place for packages: %w", err)
	}
	say := func(line string) { _, _ = fmt.Fprintln(stdout, line) }
	modules, err := install(ctx, packages, filepath.Join(cache, "daca"), readSettings(*dir, environ), say)
	if err != nil {
		return err
	}
	sources := sources{dir: filepath.Join(*dir, "src"), modules: modules}
	if *address != "" {
		return serve(ctx, *address, *to, sources, say)
	}
	files, err := sources.bundle()
	if err != nil {
		return err
	}
	files["licenses.txt"], err = licenses(packages, modules)
	if err != nil {
		return err
	}
	sum, err := write(filepath.Join(*dir, "dist"), files)
	if err != nil {
		return err
	}
	say(fmt.Sprintf("the page is made, after %.1f s: %s", time.Since(began).Seconds(), sum))
	return nil
}
