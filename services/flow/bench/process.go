package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"daca/services/internal/stack"
)

// part names processes whose CPU time is added up.
type part struct {
	name      string
	processes []*stack.Process
}

// usage is the CPU time of parts, by name.
type usage map[string]time.Duration

// cpu returns how much CPU time the parts have used since they were started.
func cpu(parts []part) (usage, error) {
	used := usage{}
	for _, p := range parts {
		for _, process := range p.processes {
			spent, err := cpuTime(process.Pid())
			if err != nil {
				return nil, fmt.Errorf("reading the CPU time of %s: %w", process.Name(), err)
			}
			used[p.name] += spent
		}
	}
	return used, nil
}

// cpuTime adds up the threads of a process. /proc/PID/stat would be simpler, but counts
// in steps of 10 ms. The time of threads that have ended is lost; threads of Go and of
// Redis seldom end.
func cpuTime(pid int) (total time.Duration, err error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(threads) == 0 {
		return 0, errors.Join(err, fmt.Errorf("/proc shows no threads of process %d", pid))
	}
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		onCPU, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(onCPU, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading %s: %w", thread, err)
		}
		total += time.Duration(ns)
	}
	return total, nil
}

// since returns the difference to an earlier usage, by name.
func (u usage) since(earlier usage) usage {
	difference := usage{}
	for name, spent := range u {
		difference[name] = spent - earlier[name]
	}
	return difference
}

func (u usage) total() (sum time.Duration) {
	for _, spent := range u {
		sum += spent
	}
	return sum
}

// memory returns the memory of a process in bytes. Its kind is Rss, Pss for only a share
// of what several processes have in common, as two sidecars have their program, or
// Anonymous for what comes from no file.
func memory(process *stack.Process, kind string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", process.Pid()))
	if err != nil {
		return 0, fmt.Errorf("reading the memory of %s: %w", process.Name(), err)
	}
	for line := range bytes.Lines(text) {
		if fields := strings.Fields(string(line)); len(fields) == 3 && fields[0] == kind+":" {
			kib, err := strconv.ParseFloat(fields[1], 64)
			return kib * 1024, err
		}
	}
	return 0, fmt.Errorf("reading the memory of %s: smaps_rollup has no %s", process.Name(), kind)
}
