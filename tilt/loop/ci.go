package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

const (
	ciTimeout   = 10 * time.Minute
	editTimeout = 2 * time.Minute
)

type options struct {
	tilt    string
	kubectl string
	context string
	at      addresses
	rounds  int
	aim     time.Duration
	stdout  io.Writer
}

// ci fails if tilt ci does, or if an edit does not arrive. How long one takes is
// shown, and fails nothing: that depends on what else the machine does. It works
// in a copy of the tree at root, and leaves nothing in the cluster.
func ci(ctx context.Context, o options, root string) (err error) {
	if _, err := fetch(ctx, "GET", o.at.chat, "", ""); err == nil {
		return fmt.Errorf("something answers at %s: stop it first, be it make run or tilt up", o.at.chat)
	}
	tree, err := os.MkdirTemp("", "daca-tilt-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tree)) }()
	if err := copyTree(ctx, root, tree); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.down(context.WithoutCancel(ctx), tree)) }()

	begin := o.begin("tilt ci")
	batch := o.command(ctx, tree, "ci", "--timeout", ciTimeout.String())
	batch.Stdout, batch.Stderr = o.stdout, o.stdout
	if err := batch.Run(); err != nil {
		return fmt.Errorf("tilt ci: %w", err)
	}
	o.done("tilt ci", time.Since(begin))
	// What it started must not be taken for what tilt up starts.
	if err := o.down(ctx, tree); err != nil {
		return err
	}
	return o.edit(ctx, tree)
}

// edit runs tilt up and edits Go files beside it.
func (o options) edit(ctx context.Context, tree string) (err error) {
	log := filepath.Join(tree, "tilt-up.log")
	stop, err := o.up(ctx, tree, log)
	if err != nil {
		return err
	}
	defer func() {
		stop()
		if err != nil {
			o.show(log)
		}
	}()
	slowest := time.Duration(0)
	for _, e := range edits(o.at) {
		for round := 1; round <= o.rounds; round++ {
			if err := o.settled(ctx, tree); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(ctx, editTimeout)
			took, err := e.measure(ctx, tree, round)
			cancel()
			if err != nil {
				return err
			}
			o.done(fmt.Sprintf("edit %d of %s, until it is served", round, e.name), took)
			slowest = max(slowest, took)
		}
	}
	o.done("the slowest edit; the aim is less than "+o.aim.String(), slowest)
	return nil
}

// begin and done show the steps as bin/cluster shows its own.
func (o options) begin(step string) time.Time {
	_, _ = fmt.Fprintf(o.stdout, "  ..  %s\n", step)
	return time.Now()
}

func (o options) done(step string, took time.Duration) {
	_, _ = fmt.Fprintf(o.stdout, "  ok  %-50s %6.1fs\n", step, took.Seconds())
}
