package fromsource

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"daca/k8s/cluster/pinned"
)

// NodePrograms compiles those programs of a node and of Kubernetes that the
// cache does not have, module by module.
func (b *Builder) NodePrograms(ctx context.Context, progress func(string)) error {
	modules := slices.DeleteFunc(pinned.Modules(), func(m pinned.Module) bool { return m.Path == pinned.Dapr })
	return b.programs(ctx, modules, progress)
}

// DaprPrograms compiles those programs of Dapr that the cache does not have.
func (b *Builder) DaprPrograms(ctx context.Context, progress func(string)) error {
	modules := slices.DeleteFunc(pinned.Modules(), func(m pinned.Module) bool { return m.Path != pinned.Dapr })
	return b.programs(ctx, modules, progress)
}

func (b *Builder) programs(ctx context.Context, modules []pinned.Module, progress func(string)) error {
	complete := func() bool {
		return !slices.ContainsFunc(modules, func(m pinned.Module) bool { return len(b.missing(m)) > 0 })
	}
	return b.once(ctx, progress, complete, func() error {
		for _, m := range modules {
			if err := b.compile(ctx, m, progress); err != nil {
				return fmt.Errorf("building %s %s: %w", m.Path, b.pins.Versions[m.Path], err)
			}
		}
		return nil
	})
}

// compile compiles the programs of the module that are missing. Each appears in
// the cache whole or not at all.
func (b *Builder) compile(ctx context.Context, m pinned.Module, progress func(string)) error {
	missing := b.missing(m)
	if len(missing) == 0 {
		return nil
	}
	unfinished := filepath.Join(b.cache, "programs", "unfinished")
	to := unfinished + "/"
	if len(missing) == 1 { // in a directory it would be called like its package, which is not always its name
		to += missing[0].Name
	}
	if err := b.pins.Compile(ctx, m, missing, to, progress); err != nil {
		return err
	}
	if err := os.MkdirAll(b.programDir(m), 0o755); err != nil {
		return err
	}
	for _, program := range missing {
		if err := os.Rename(filepath.Join(unfinished, program.Name), b.program(program.Name)); err != nil {
			return err
		}
	}
	return nil
}

func (b *Builder) missing(m pinned.Module) []pinned.Program {
	return slices.DeleteFunc(slices.Clone(m.Programs), func(p pinned.Program) bool {
		return exists(b.program(p.Name))
	})
}

// program returns the path at which the cache keeps the program of that name.
func (b *Builder) program(name string) string {
	for _, m := range pinned.Modules() {
		if slices.ContainsFunc(m.Programs, func(p pinned.Program) bool { return p.Name == name }) {
			return filepath.Join(b.programDir(m), name)
		}
	}
	return filepath.Join(b.cache, "programs", "none", name)
}

func (b *Builder) programDir(m pinned.Module) string {
	return filepath.Join(b.cache, "programs", m.Name()+"-"+b.pins.Keys[m.Path])
}
