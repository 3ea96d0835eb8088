package fromsource

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gofrs/flock"

	"daca/k8s/cluster/pinned"
)

const repository = "../../.."

// TestRecipe holds that the code that makes images decides whether they are made
// again.
func TestRecipe(t *testing.T) {
	t.Parallel()
	builder := func(root string) *Builder {
		t.Helper()
		made, err := New(pinned.Pins{Root: root}, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	recipe := builder(repository).recipe

	for name, edit := range map[string]struct {
		file    string
		changes bool
	}{
		"this package":         {"fromsource/node.go", true},
		"pause":                {"fromsource/pause/main.go", true},
		"the writer of images": {"images/file.go", true},
		"nothing":              {"", false},
		"a test":               {"fromsource/node_test.go", false},
		"a service's image":    {"images/services/images.go", false},
		"the cluster":          {"kindcluster/config.go", false},
		"pinned programs":      {"pinned/compile.go", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			cluster := os.DirFS(filepath.Join(repository, "k8s/cluster"))
			if err := os.CopyFS(filepath.Join(root, "k8s/cluster"), cluster); err != nil {
				t.Fatal(err)
			}
			if edit.file != "" {
				file := filepath.Join(root, "k8s/cluster", edit.file)
				if err := os.WriteFile(file, []byte("package edited\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got := builder(root).recipe; (got != recipe) != edit.changes {
				t.Errorf("the recipe is %s, before it was %s", got, recipe)
			}
		})
	}
}

func TestOnce(t *testing.T) {
	t.Parallel()
	never := func() bool { return false }

	t.Run("does nothing, and does not wait, if nothing is left to do", func(t *testing.T) {
		t.Parallel()
		b, _ := locked(t)
		ctx, cancel := context.WithCancel(t.Context())
		progress := func(text string) {
			t.Error(text)
			cancel()
		}
		work := func() error { return errors.New("work") }
		if err := b.once(ctx, progress, func() bool { return true }, work); err != nil {
			t.Error(err)
		}
	})

	t.Run("returns the error of work", func(t *testing.T) {
		t.Parallel()
		b := &Builder{cache: t.TempDir()}
		failure := errors.New("work")
		err := b.once(t.Context(), func(string) {}, never, func() error { return failure })
		if !errors.Is(err, failure) {
			t.Errorf("got %v", err)
		}
	})

	t.Run("waits for another process and leaves the work to it", func(t *testing.T) {
		t.Parallel()
		b, unlock := locked(t)
		var shown []string
		finished := false // by the other process
		progress := func(text string) {
			shown = append(shown, text)
			finished = true
			unlock()
		}
		worked := false
		err := b.once(t.Context(), progress, func() bool { return finished }, func() error {
			worked = true
			return nil
		})
		if err != nil || worked || !slices.Equal(shown, []string{"waiting for another process that builds"}) {
			t.Errorf("worked %t, showed %q, %v", worked, shown, err)
		}
	})

	t.Run("stops waiting when the context ends", func(t *testing.T) {
		t.Parallel()
		b, _ := locked(t)
		ctx, cancel := context.WithCancel(t.Context())
		err := b.once(ctx, func(string) { cancel() }, never, func() error { return nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

// locked returns a builder in whose cache another process builds until unlock.
func locked(t *testing.T) (b *Builder, unlock func()) {
	t.Helper()
	b = &Builder{cache: t.TempDir()}
	lock := flock.New(filepath.Join(b.cache, "lock"))
	if locked, err := lock.TryLock(); err != nil || !locked {
		t.Fatal(locked, err)
	}
	unlock = func() {
		if err := lock.Unlock(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(unlock)
	return b, unlock
}
