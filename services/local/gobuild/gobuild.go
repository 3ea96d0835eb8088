// Package gobuild runs long builds of the go command and tells how far they are.
package gobuild

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// lastLines is how many lines of a failed build its error quotes.
const lastLines = 8

// Run runs cmd, which is a `go build -v`, by means of run. It calls progress with what
// and how many modules and packages the build has got to. Its error quotes the last
// lines that the build printed.
func Run(cmd *exec.Cmd, run func(*exec.Cmd) error, what string, progress func(string)) error {
	reader, writer := io.Pipe()
	cmd.Stdout = writer
	cmd.Stderr = writer
	progress(what)
	var last []string
	read := make(chan struct{})
	go func() {
		defer close(read)
		last = follow(reader, what, progress)
		_, _ = io.Copy(io.Discard, reader) // after a line that is too long
	}()
	err := run(cmd)
	_ = writer.Close()
	<-read
	if err != nil {
		return fmt.Errorf("%w; the last lines of the build:\n    %s", err, strings.Join(last, "\n    "))
	}
	return nil
}

// follow reads what `go build -v` prints. It returns the last lines that are not about
// progress, such as those of an error.
func follow(output io.Reader, what string, progress func(string)) (last []string) {
	modules := 0
	packages := 0
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "go: downloading "):
			modules++
		case !strings.ContainsAny(line, " :"):
			packages++
		default:
			last = append(last[max(0, len(last)-lastLines+1):], line)
			continue
		}
		if packages > 0 {
			progress(fmt.Sprintf("%s: %d packages compiled", what, packages))
		} else {
			progress(fmt.Sprintf("%s: %d modules fetched", what, modules))
		}
	}
	return last
}
