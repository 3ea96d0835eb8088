// Command conformance runs the flow tests on each pair of a state store and a broker
// that the repository offers, and prints a table of pairs and tests: `make conformance`.
//
// The pairs are components/, called default, and the folders below
// components/alternatives. Each of them is promised: it fails if a server is missing,
// and if a test is skipped, unless the test says that it is not applicable to the pair.
// -pairs and -tests select some of them.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"daca/services/local/repository"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "\nError: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("conformance", flag.ContinueOnError)
	only := flags.String("pairs", "", "names of pairs, separated by commas; empty for all")
	pattern := flags.String("tests", "", "regular expression for the names of tests; empty for all")
	if err := flags.Parse(args); err != nil {
		return err
	}
	root, err := repository.Root(".")
	if err != nil {
		return err
	}
	pairs, err := pairsOf(root, *only)
	if err != nil {
		return err
	}
	tests, err := selected(*pattern)
	if err != nil {
		return err
	}
	program, remove, err := compile(ctx, root)
	if err != nil {
		return err
	}
	defer remove()
	columns := make([]column, 0, len(pairs))
	for _, pair := range pairs {
		begin := time.Now()
		c, err := test(ctx, filepath.Join(root, "services", "flow"), program, pair, tests, stdout)
		if err != nil {
			return fmt.Errorf("testing the pair %s: %w", pair, err)
		}
		c.took = time.Since(begin)
		columns = append(columns, c)
	}
	return report(stdout, tests, columns)
}

// pairsOf lists the pairs of the repository, or those that are named.
func pairsOf(root, only string) ([]string, error) {
	pairs, err := repository.Pairs(root)
	if err != nil || only == "" {
		return pairs, err
	}
	named := strings.Split(only, ",")
	for _, name := range named {
		if !slices.Contains(pairs, name) {
			return nil, fmt.Errorf("there is no pair %q; there are %s", name, strings.Join(pairs, ", "))
		}
	}
	return named, nil
}

// selected returns the promises whose tests have names that match.
func selected(pattern string) ([]promise, error) {
	matching, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("reading -tests: %w", err)
	}
	tests := slices.DeleteFunc(promises(), func(p promise) bool { return !matching.MatchString(p.test) })
	if len(tests) == 0 {
		return nil, fmt.Errorf("no test matches %q", pattern)
	}
	return tests, nil
}

// compile compiles the flow tests.
func compile(ctx context.Context, root string) (program string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "daca-conformance")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	program = filepath.Join(dir, "flow.test")
	if err := repository.CompileFlowTests(ctx, root, program); err != nil {
		remove()
		return "", nil, err
	}
	return program, remove, nil
}
