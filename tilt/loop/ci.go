package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"daca/services/local/steps"
)

const (
	startTimeout = 10 * time.Minute // of tilt ci, and of tilt up
	editTimeout  = 3 * time.Minute
	downTimeout  = 3 * time.Minute
)

// The edit replaces a text in code that all services share, and that the API
// description of each of them shows.
const (
	editedFile = "services/internal/serve/probes.go"
	textBefore = "Each dependency: ok, or why it fails."
	textAfter  = "Each dependency: ok, or the reason why it fails."
)

// ci fails if tilt ci does, or if an edit is not served under tilt up. It works
// in a copy of the tree at root, and removes what it has installed.
func ci(ctx context.Context, tilt program, root string, at addresses, stdout io.Writer) (err error) {
	if _, err := fetch(ctx, http.MethodGet, at.chat, "", ""); err == nil {
		return fmt.Errorf("something answers at %s: stop make run or tilt up first", at.chat)
	}
	tilt.tree, err = os.MkdirTemp("", "daca-tilt-*")
	if err != nil {
		return fmt.Errorf("copying the working tree: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tilt.tree)) }()
	if err := copyTree(ctx, root, tilt.tree); err != nil {
		return fmt.Errorf("copying the working tree: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), downTimeout)
		defer cancel()
		err = errors.Join(err, tilt.load(ctx, "down", "--delete-namespaces"))
	}()
	terminal := steps.New(stdout)
	err = terminal.Step(ctx, "tilt ci", func(ctx context.Context, _ func(string)) error {
		return tilt.load(ctx, "ci", "--timeout", startTimeout.String())
	})
	if err != nil {
		return err
	}
	return tilt.whileUp(ctx, func(ctx context.Context) error {
		err := terminal.Step(ctx, "tilt up", func(ctx context.Context, _ func(string)) error {
			return settle(ctx, tilt, at)
		})
		if err != nil {
			return err
		}
		return terminal.Step(ctx, "An edit of services/internal is served", func(ctx context.Context, _ func(string)) error {
			return edit(ctx, tilt, at)
		})
	})
}

// copyTree copies what Tilt needs, and links to the programs in bin.
func copyTree(ctx context.Context, from, to string) error {
	bin, err := filepath.Abs(filepath.Join(from, "bin"))
	if err != nil {
		return err
	}
	cp := exec.CommandContext(ctx, "cp", "-R",
		"Makefile", "Tiltfile", "go.mod", "go.sum", "charts", "services", "tilt", to)
	cp.Dir = from
	if out, err := cp.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return os.Symlink(bin, filepath.Join(to, "bin"))
}

// settle waits until chat is forwarded, and then until Tilt has nothing to do.
func settle(ctx context.Context, tilt program, at addresses) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	err := poll(ctx, func() error {
		_, err := fetch(ctx, http.MethodGet, at.chat+"/readyz", "", "")
		return err
	})
	for _, condition := range []string{"UpToDate", "Ready"} {
		if err == nil {
			_, err = tilt.run(ctx, "wait", "--for=condition="+condition, "--timeout", startTimeout.String(),
				"uiresource/chat-service", "uiresource/analytics-service", "uiresource/model")
		}
	}
	return err
}

// edit edits a Go file and waits until all services show the edit. The pods
// have to be those that were there before.
func edit(ctx context.Context, tilt program, at addresses) error {
	ctx, cancel := context.WithTimeout(ctx, editTimeout)
	defer cancel()
	before, err := tilt.pods(ctx)
	if err != nil {
		return err
	}
	path := filepath.Join(tilt.tree, editedFile)
	code, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("editing: %w", err)
	}
	edited := strings.Replace(string(code), textBefore, textAfter, 1)
	if err := os.WriteFile(path, []byte(edited), 0o644); err != nil {
		return fmt.Errorf("editing: %w", err)
	}
	for _, service := range []string{at.chat, at.analytics, at.model} {
		err := poll(ctx, func() error {
			api, err := fetch(ctx, http.MethodGet, service+"/openapi.json", "", "")
			if err == nil && !strings.Contains(api, textAfter) {
				err = fmt.Errorf("%s does not show it", service)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("waiting for the edit of %s: %w", editedFile, err)
		}
	}
	after, err := tilt.pods(ctx)
	if err != nil {
		return err
	}
	for _, pod := range strings.Fields(after) {
		if !strings.Contains(before, pod) {
			return fmt.Errorf("the edit of %s replaced a pod: %s, after %s", editedFile, before, after)
		}
	}
	return nil
}
