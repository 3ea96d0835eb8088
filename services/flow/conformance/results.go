package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// outcome of a test on a pair.
type outcome string

const (
	passed        outcome = "ok"
	failed        outcome = "FAIL"
	notApplicable outcome = "-"
)

// column is what came of the tests on one pair.
type column struct {
	pair     string
	outcomes map[string]outcome // by test; one that did not run is missing
	reasons  map[string]string  // why a test is not applicable
	took     time.Duration
}

// event is a line of go tool test2json.
type event struct {
	Action  string
	Test    string
	Output  string
	Elapsed float64
}

// notApplicableText begins the reason that a test gives for being skipped.
const notApplicableText = "not applicable: "

// test runs the tests on a pair. It prints each result, and what a failed test printed.
func test(ctx context.Context, dir, program, pair string, tests []promise, stdout io.Writer) (column, error) {
	names := make([]string, len(tests))
	for i, t := range tests {
		names[i] = t.test
	}
	cmd := exec.CommandContext(ctx, "go", "tool", "test2json", "-t", program, "-test.v=test2json", "-test.timeout=60m",
		"-test.run=^("+strings.Join(names, "|")+")$")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "FLOW_PAIR="+pair)
	cmd.Stderr = stdout
	// What the tests have started ends with them.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	events, err := cmd.StdoutPipe()
	if err != nil {
		return column{}, err
	}
	if err := cmd.Start(); err != nil {
		return column{}, err
	}
	c := column{pair: pair, outcomes: map[string]outcome{}, reasons: map[string]string{}}
	readErr := c.read(events, stdout)
	waitErr := cmd.Wait()
	if ctx.Err() != nil {
		return c, context.Cause(ctx)
	}
	if waitErr != nil && !c.fails() {
		return c, fmt.Errorf("the tests ended early: %w", waitErr)
	}
	return c, readErr
}

func (c *column) fails() bool {
	for _, o := range c.outcomes {
		if o == failed {
			return true
		}
	}
	return false
}

// read takes in what the tests report.
func (c *column) read(events io.Reader, stdout io.Writer) error {
	lines := bufio.NewReader(events)
	printed := map[string]*strings.Builder{} // by test
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		switch {
		case len(line) == 0 || json.Unmarshal(line, &e) != nil:
		case e.Test != "":
			c.take(e, printed, stdout)
		case e.Output != "" && e.Output != "PASS\n" && e.Output != "FAIL\n": // such as a panic
			_, _ = io.WriteString(stdout, e.Output)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the results: %w", err)
		}
	}
}

// take takes in one event. A test with subtests fails with any of them.
func (c *column) take(e event, printed map[string]*strings.Builder, stdout io.Writer) {
	name, _, isSubtest := strings.Cut(e.Test, "/")
	if printed[name] == nil {
		printed[name] = &strings.Builder{}
	}
	switch e.Action {
	case "output":
		printed[name].WriteString(e.Output)
		if _, reason, found := strings.Cut(e.Output, notApplicableText); found {
			c.reasons[e.Test] = strings.TrimSpace(reason)
		}
		return
	case "skip":
		if c.reasons[e.Test] == "" {
			c.outcomes[name] = failed // nothing is skipped silently
		} else if !isSubtest {
			c.outcomes[name] = notApplicable
		}
	case "fail":
		c.outcomes[name] = failed
	case "pass":
		if c.outcomes[name] == "" && !isSubtest {
			c.outcomes[name] = passed
		}
	}
	if isSubtest || e.Action != "pass" && e.Action != "fail" && e.Action != "skip" {
		return
	}
	_, _ = fmt.Fprintf(stdout, "%-20s %-45s %-4s %3.0f s\n", c.pair, name, c.outcomes[name], e.Elapsed)
	if c.outcomes[name] == failed {
		_, _ = fmt.Fprintln(stdout, printed[name])
	}
	delete(printed, name)
}
