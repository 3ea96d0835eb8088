package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"

	"daca/services/local/repository"
)

// lock takes the launcher's directory. It fails if another launcher uses it.
func (l *launcher) lock() (unlock func(), err error) {
	if err := os.MkdirAll(l.cfg.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("DACA_DIR: %w", err)
	}
	lock := flock.New(filepath.Join(l.cfg.Dir, "lock"))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("DACA_DIR: locking the directory: %w", err)
	}
	if !locked {
		return nil, fmt.Errorf("another make run uses the directory %s; stop it, or set DACA_DIR to another directory",
			l.cfg.Dir)
	}
	return func() { _ = lock.Unlock() }, nil
}

// programs returns the path of daprd, which it finds or builds, and builds the
// services.
func (l *launcher) programs(ctx context.Context) (daprd string, err error) {
	daprd, err = l.sidecarProgram(ctx)
	if err != nil {
		return "", err
	}
	var variables []string
	if err := l.term.Step(ctx, "Page is made", l.page); err != nil {
		if ctx.Err() != nil {
			return "", err
		}
		l.term.Print("  --  Going on without a newer page:\n      " + strings.ReplaceAll(err.Error(), "\n", "\n      "))
		variables = []string{repository.WithoutPage}
	}
	err = l.term.Step(ctx, "Services are built", func(ctx context.Context, progress func(string)) error {
		progress("building the services")
		return l.build(ctx, variables...)
	})
	return daprd, err
}

// sidecarProgram finds daprd or builds it, and returns its path.
func (l *launcher) sidecarProgram(ctx context.Context) (daprd string, err error) {
	err = l.term.Step(ctx, "Sidecar program (daprd) is there", func(ctx context.Context, progress func(string)) error {
		daprd, err = l.daprd(ctx, progress)
		return err
	})
	return daprd, err
}
