package repository

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// WithoutPage is a variable for BuildServices: the chat service then gets the page that
// was made before, or none.
const WithoutPage = "PAGE_MADE="

// BuildPage makes the page that the chat service embeds, by `make page`, unless nothing
// has changed. It needs the npm registry the first time. What it does goes to progress.
func BuildPage(ctx context.Context, root string, progress func(string)) error {
	const doing = "making the page"
	reader, writer := io.Pipe()
	cmd := exec.CommandContext(ctx, "make", "--silent", "--no-print-directory", "-C", root, "page")
	cmd.WaitDelay = killDelay
	cmd.Stdout, cmd.Stderr = writer, writer
	progress(doing)
	var said []string
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(reader); lines.Scan(); {
			said = append(said, lines.Text())
			progress(doing + ": " + lines.Text())
		}
		_, _ = io.Copy(io.Discard, reader) // after a line that is too long
	}()
	err := cmd.Run()
	_ = writer.Close()
	<-read
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
	}
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", doing, err, strings.Join(said[max(0, len(said)-8):], "\n"))
	}
	return nil
}
