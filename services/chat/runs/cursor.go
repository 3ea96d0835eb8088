package runs

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Cursor is a place in the log of a run. Its text is opaque to clients: the attempt, the
// entry, and how many bytes of the entry's text were taken, such as "1.4.120", or "1.end"
// after the last entry. The zero value is the beginning.
type Cursor struct {
	attempt int
	entry   int
	offset  int
}

const (
	atEnd   = math.MaxInt // the entry of a cursor after the last one
	endText = "end"
)

// ErrCursor is the error for a text that no Cursor has.
var ErrCursor = errors.New("not a cursor of a run")

// ParseCursor reads the text of a cursor. An empty text is the beginning.
func ParseCursor(text string) (Cursor, error) {
	if text == "" {
		return Cursor{}, nil
	}
	parts := strings.Split(text, ".")
	if len(parts) == 2 && parts[1] == endText {
		parts = []string{parts[0], strconv.Itoa(atEnd), "0"}
	}
	if len(parts) != 3 {
		return Cursor{}, fmt.Errorf("%w: %.40q", ErrCursor, text)
	}
	var numbers [3]int
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 63)
		if err != nil {
			return Cursor{}, fmt.Errorf("%w: %.40q", ErrCursor, text)
		}
		numbers[i] = int(n)
	}
	return Cursor{numbers[0], numbers[1], numbers[2]}, nil
}

// String returns the text of the cursor.
func (c Cursor) String() string {
	if c.AtEnd() {
		return fmt.Sprintf("%d.%s", c.attempt, endText)
	}
	return fmt.Sprintf("%d.%d.%d", c.attempt, c.entry, c.offset)
}

// AtEnd reports whether nothing comes after the cursor.
func (c Cursor) AtEnd() bool { return c.entry == atEnd }

// IsZero reports whether the cursor is the beginning of any run.
func (c Cursor) IsZero() bool { return c == Cursor{} }
