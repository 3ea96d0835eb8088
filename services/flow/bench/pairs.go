package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"daca/services/internal/stack"
	"daca/services/local/repository"
)

// pairMetrics are what BenchmarkPair in services/flow reports.
var pairMetrics = regexp.MustCompile(`([0-9.e+]+) (events/s|ms/lone-event)\b`)

// pairs compares each pair of a state store and a broker with the default one, in the same
// round. It needs the servers of all of them.
func (b *bench) pairs(ctx context.Context) ([]figure, error) {
	names, err := repository.Pairs(b.root)
	if err != nil {
		return nil, err
	}
	program := filepath.Join(b.dir, "flow.test")
	if err := repository.CompileFlowTests(ctx, b.root, program); err != nil {
		return nil, err
	}
	rates, times := map[string]sample{}, map[string]sample{}
	for round := range b.rounds {
		for _, name := range names {
			rate, lone, err := b.pair(ctx, program, name)
			if err != nil {
				return nil, fmt.Errorf("measuring the pair %s: %w", name, err)
			}
			b.say("round %d of %d  %-20s %6.0f events/s, %.1f ms for a lone event", round+1, b.rounds, name, rate, lone)
			rates[name] = append(rates[name], rate)
			times[name] = append(times[name], lone)
		}
		slices.Reverse(names)
	}
	slices.Sort(names)
	var figures []figure
	for _, name := range names {
		if name == repository.DefaultPair {
			continue
		}
		figures = append(figures,
			figure{name + ": events/s ÷ those of the default", 0, 0, 0, higher, ratio, nil}.
				of(rates[name].over(rates[repository.DefaultPair])),
			figure{name + ": from publishing a lone event to its count ÷ the default", 0, 0, 0, lower, ratio, nil}.
				of(times[name].over(times[repository.DefaultPair])))
	}
	return figures, nil
}

// pair measures one of them: events a second, and the milliseconds that a lone event takes.
func (b *bench) pair(ctx context.Context, program, name string) (rate, lone float64, err error) {
	cmd := exec.CommandContext(ctx, program, "-test.run=^$", "-test.bench=^BenchmarkPair$", "-test.benchtime=1x",
		"-test.timeout=10m")
	cmd.Dir = filepath.Join(b.root, "services", "flow")
	cmd.Env = append(stack.BaseEnv(os.Environ()), "FLOW_PAIR="+name)
	printed, err := cmd.CombinedOutput()
	if err != nil {
		return 0, 0, fmt.Errorf("%w\n%s", err, printed)
	}
	found := map[string]float64{}
	for _, match := range pairMetrics.FindAllStringSubmatch(string(printed), -1) {
		if found[match[2]], err = strconv.ParseFloat(match[1], 64); err != nil {
			return 0, 0, fmt.Errorf("reading the result: %w", err)
		}
	}
	if len(found) != 2 {
		return 0, 0, fmt.Errorf("it does not say how fast it was:\n%s", printed)
	}
	return found["events/s"], found["ms/lone-event"], nil
}
