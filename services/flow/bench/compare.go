package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"
)

// side is one of the two commits that are compared.
type side struct {
	root    string // a checkout
	program string // this program, built from the checkout
	results [][]figure
}

// compare measures a base and the checkout at root in turn, base, root, root, base,
// each time with half of the rounds. Both are measured by the code of root, but what
// starts the services is that of each.
func compare(ctx context.Context, stdout io.Writer, root, base string, s settings) (err error) {
	dir, err := os.MkdirTemp("", "daca-compare")
	if err != nil {
		return fmt.Errorf("comparing: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	old := &side{root: filepath.Join(dir, "base"), program: filepath.Join(dir, "bench-base")}
	head := &side{root: root, program: filepath.Join(dir, "bench-head")}
	if err := command(ctx, stdout, root, "git", "worktree", "add", "--detach", old.root, base); err != nil {
		return err
	}
	defer func() {
		remove := []string{"git", "worktree", "remove", "--force", old.root}
		err = errors.Join(err, command(context.WithoutCancel(ctx), stdout, root, remove...))
	}()
	here := filepath.Join("services", "flow", "bench")
	if err := errors.Join(
		os.RemoveAll(filepath.Join(old.root, here)),
		os.CopyFS(filepath.Join(old.root, here), os.DirFS(filepath.Join(root, here))),
	); err != nil {
		return fmt.Errorf("copying the benchmark to %s: %w", base, err)
	}
	for _, each := range []*side{old, head} {
		build := []string{"go", "build", "-o", each.program, "./" + filepath.ToSlash(here)}
		if err := command(ctx, stdout, each.root, build...); err != nil {
			return err
		}
	}
	for i, each := range []*side{old, head, head, old} {
		_, _ = fmt.Fprintf(stdout, "\n=== run %d of 4: %s\n", i+1, each.root)
		out := filepath.Join(dir, fmt.Sprintf("run-%d.json", i))
		args := append([]string{each.program, "-out", out}, s.half()...)
		if err := command(ctx, stdout, each.root, args...); err != nil {
			return err
		}
		figures, err := read(out)
		if err != nil {
			return err
		}
		each.results = append(each.results, figures)
	}
	_, _ = fmt.Fprint(stdout, "\n", differences(base, old.results, head.results))
	return nil
}

// half returns the arguments for a run with half of the rounds.
func (s settings) half() []string {
	return []string{
		fmt.Sprintf("-rounds=%d", (s.rounds+1)/2), fmt.Sprintf("-events=%d", s.events), fmt.Sprintf("-hot=%d", s.hot),
		fmt.Sprintf("-deep=%d", s.deep), fmt.Sprintf("-load=%s", s.load/2), fmt.Sprintf("-requests=%d", s.requests),
		"-only=" + s.only,
	}
}

// command runs a program in a directory and shows what it prints.
func command(ctx context.Context, stdout io.Writer, dir string, words ...string) error {
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir = dir
	cmd.Stdout = stdout
	cmd.Stderr = stdout
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(words, " "), err)
	}
	return nil
}

// differences shows both runs of each side, and by how much the means differ.
func differences(base string, old, head [][]figure) string {
	var text strings.Builder
	columns := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(columns, "figure\tunit\tbetter\t%s\tthis checkout\tchange\n", base)
	for _, f := range head[0] {
		before := values(old, f.Figure)
		after := values(head, f.Figure)
		change := "–"
		if len(before) > 0 {
			change = fmt.Sprintf("%+.0f%%", 100*(after.median()/before.median()-1))
		}
		_, _ = fmt.Fprintf(columns, "%s\t%s\t%s\t%s\t%s\t%s\n", f.Figure, f.Unit, f.Better, before, after, change)
	}
	_ = columns.Flush()
	return text.String()
}

// values returns the values of a figure in the runs that have it.
func values(runs [][]figure, name string) (found sample) {
	for _, figures := range runs {
		for _, f := range figures {
			if f.Figure == name {
				found = append(found, f.Value)
			}
		}
	}
	return found
}
