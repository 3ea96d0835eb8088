package build

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// NodePrograms builds those programs of a node and of Kubernetes that are not
// built yet, module by module.
func (b *Builder) NodePrograms(ctx context.Context, progress func(string)) error {
	return b.programs(ctx, func(m module) bool { return m.path != Dapr }, progress)
}

// DaprPrograms builds those programs of Dapr that are not built yet.
func (b *Builder) DaprPrograms(ctx context.Context, progress func(string)) error {
	return b.programs(ctx, func(m module) bool { return m.path == Dapr }, progress)
}

func (b *Builder) programs(ctx context.Context, wanted func(module) bool, progress func(string)) error {
	var missing []module
	for _, m := range modules() {
		if wanted(m) && len(b.missing(m)) > 0 {
			missing = append(missing, m)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return b.alone(ctx, progress, func() error {
		for _, m := range missing {
			if err := b.compile(ctx, m, progress); err != nil {
				return fmt.Errorf("building %s %s: %w", m.path, b.Pins.Versions[m.path], err)
			}
		}
		return nil
	})
}

func (b *Builder) missing(m module) []program {
	return slices.DeleteFunc(slices.Clone(m.programs), func(p program) bool { return exists(b.Program(p.name)) })
}

// compile builds those programs of the module that are missing.
func (b *Builder) compile(ctx context.Context, m module, progress func(string)) error {
	unfinished := filepath.Join(b.Cache, "programs", "unfinished")
	built := b.missing(m) // another process may have built it while this one waited
	if len(built) == 0 {
		return nil
	}
	to := unfinished + "/"
	if len(built) == 1 {
		to += built[0].name
	}
	if err := b.goBuild(ctx, m, built, to, progress); err != nil {
		return err
	}
	if err := os.MkdirAll(b.programDir(m), 0o755); err != nil {
		return err
	}
	for _, p := range built {
		if err := os.Rename(filepath.Join(unfinished, p.name), b.Program(p.name)); err != nil {
			return err
		}
	}
	return nil
}

// goBuild builds programs of the module into a directory or file.
func (b *Builder) goBuild(ctx context.Context, m module, programs []program, to string, progress func(string)) error {
	version := b.Pins.Versions[m.path]
	flags := "-s -w"
	for _, variable := range m.variables(version) {
		flags += " -X " + variable
	}
	args := []string{"build", "-v", "-trimpath", "-tags", m.tags, "-ldflags", flags, "-o", to}
	for _, p := range programs {
		args = append(args, p.pkg)
	}
	last, err := run(ctx, filepath.Join(b.Root, m.dir), args, steps("building "+m.path+" "+version, progress))
	if err != nil {
		return fmt.Errorf("%w; the last lines of the build:\n    %s", err, strings.Join(last, "\n    "))
	}
	return nil
}

// steps tells progress how far a `go build -v` is, from the lines it prints. It
// returns false for a line that is not mere progress.
func steps(what string, progress func(string)) func(line string) bool {
	fetched, compiled := 0, 0
	progress(what)
	return func(line string) bool {
		switch {
		case strings.HasPrefix(line, "go: downloading "):
			fetched++
		case !strings.ContainsAny(line, " :"):
			compiled++
		default:
			return false
		}
		if compiled > 0 {
			progress(fmt.Sprintf("%s: %d packages compiled", what, compiled))
		} else {
			progress(fmt.Sprintf("%s: %d modules fetched", what, fetched))
		}
		return true
	}
}

// run runs the go command. Each line is given to seen; those it does not
// take as progress are returned, the last few of them.
func run(ctx context.Context, dir string, args []string, seen func(string) bool) ([]string, error) {
	reader, writer := io.Pipe()
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stdout, cmd.Stderr = writer, writer
	var last []string
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewScanner(reader)
		for lines.Scan() {
			if line := lines.Text(); !seen(line) {
				last = append(last[max(0, len(last)-7):], line)
			}
		}
		_, _ = io.Copy(io.Discard, reader) // after a line that is too long
	}()
	err := cmd.Run()
	_ = writer.Close()
	<-read
	return last, err
}
