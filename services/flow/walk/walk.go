// Package walk reads the commands that a document shows, so that tests can run
// them as a reader would and compare what they print.
package walk

import (
	"regexp"
	"strings"
)

// Command is a command line of a document, and the output shown below it.
type Command struct {
	Line string
	Want string // empty if the document shows no output
}

// Commands returns the commands of all Markdown code blocks in the language, in
// their order. A command is a line that starts with "$ "; the lines after it, up
// to the next command or the end of the block, are its output. White space
// around a command and its output does not count.
func Commands(markdown, language string) []Command {
	blocks := regexp.MustCompile("(?sm)^```" + regexp.QuoteMeta(language) + "\n(.*?)^```")
	var commands []Command
	for _, block := range blocks.FindAllStringSubmatch(markdown, -1) {
		var inBlock []Command
		for line := range strings.Lines(block[1]) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				inBlock = append(inBlock, Command{Line: strings.TrimSpace(command)})
			} else if len(inBlock) > 0 {
				last := &inBlock[len(inBlock)-1]
				last.Want = strings.TrimSpace(last.Want + "\n" + strings.TrimSpace(line))
			}
		}
		commands = append(commands, inBlock...)
	}
	return commands
}

// Mask replaces what differs from one run to the next: points in time and UUIDs.
func Mask(output string) string {
	times := regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| UTC)`)
	ids := regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	return ids.ReplaceAllString(times.ReplaceAllString(output, "TIME"), "UUID")
}

// Same reports whether two outputs are equal but for what Mask replaces and
// white space around them.
func Same(got, want string) bool {
	return Mask(strings.TrimSpace(got)) == Mask(strings.TrimSpace(want))
}
