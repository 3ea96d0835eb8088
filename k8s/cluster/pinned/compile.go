package pinned

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// lastLines is how many lines of a failed build its error quotes.
const lastLines = 8

// Compile compiles programs of a module. They are written to the directory to
// if it ends in a slash; otherwise a single one is written to the file to.
func (p Pins) Compile(
	ctx context.Context, m Module, programs []Program, to string, progress func(string),
) error {
	version := p.Versions[m.Path]
	flags := "-s -w"
	for _, variable := range m.variables(version) {
		flags += " -X " + variable
	}
	args := []string{"build", "-v", "-trimpath", "-tags", m.tags, "-ldflags", flags, "-o", to}
	for _, program := range programs {
		args = append(args, program.pkg)
	}
	seen := counter("building "+m.Path+" "+version, progress)
	last, err := run(ctx, filepath.Join(p.Root, m.dir), args, seen)
	if err != nil {
		return fmt.Errorf("%w; the last lines of the build:\n    %s", err, strings.Join(last, "\n    "))
	}
	return nil
}

// counter returns a function that takes the lines that `go build -v` prints, and
// shows by progress how many modules and packages they name. The function
// returns false for other lines, such as those of an error.
func counter(what string, progress func(string)) func(line string) bool {
	var fetched, compiled int
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

// run runs the go command in dir and passes each line that it prints to seen. It
// returns the last of the lines for which seen returns false.
func run(ctx context.Context, dir string, args []string, seen func(string) bool) ([]string, error) {
	reader, writer := io.Pipe()
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stdout = writer
	cmd.Stderr = writer
	var last []string
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewScanner(reader)
		for lines.Scan() {
			if line := lines.Text(); !seen(line) {
				last = append(last[max(0, len(last)-lastLines+1):], line)
			}
		}
		_, _ = io.Copy(io.Discard, reader) // a line that is too long ends the scanner
	}()
	err := cmd.Run()
	_ = writer.Close()
	<-read
	return last, err
}
