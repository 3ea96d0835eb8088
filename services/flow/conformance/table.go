package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// report writes the table, and then why tests are not applicable. It returns an error
// unless each pair has passed each test that applies to it.
func report(w io.Writer, tests []promise, columns []column) error {
	var table strings.Builder
	table.WriteString("\n| |")
	for _, c := range columns {
		table.WriteString(" " + c.pair + " |")
	}
	table.WriteString("\n| --- |" + strings.Repeat(" --- |", len(columns)) + "\n")
	broken := 0
	for _, t := range tests {
		table.WriteString("| " + t.text + " |")
		for _, c := range columns {
			o := c.outcomes[t.test]
			if o == "" {
				o = "did not run"
			}
			if o != passed && o != notApplicable {
				broken++
			}
			table.WriteString(" " + string(o) + " |")
		}
		table.WriteString("\n")
	}
	table.WriteString("| minutes |")
	for _, c := range columns {
		_, _ = fmt.Fprintf(&table, " %.1f |", c.took.Round(time.Second).Minutes())
	}
	table.WriteString("\n")
	for _, c := range columns {
		for _, test := range slices.Sorted(maps.Keys(c.reasons)) {
			if c.outcomes[test] == notApplicable {
				_, _ = fmt.Fprintf(&table, "\n- %s on %s: %s", test, c.pair, c.reasons[test])
			}
		}
	}
	if _, err := fmt.Fprintln(w, table.String()); err != nil {
		return err
	}
	if broken > 0 {
		return errors.New("not all promised pairs keep all promises")
	}
	return nil
}
