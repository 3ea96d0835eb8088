package main

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"daca/services/internal/fastapi"
)

// timestamp is a point in time in any form that pydantic reads
// (https://docs.pydantic.dev/latest/api/standard_library_types/): ISO 8601, in UTC
// if it has no zone; a date; or a Unix time in seconds or, above 2e10,
// milliseconds.
type timestamp struct {
	time.Time
	given string
	err   error
}

// Schema implements huma.SchemaProvider.
func (timestamp) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Description: "ISO 8601, a date, or a Unix time in seconds or milliseconds.",
		Examples:    []any{"2025-04-06T12:00:00Z"},
	}
}

// UnmarshalJSON never fails. Resolve reports a time that cannot be read, so that
// it is reported together with everything else that is wrong.
func (t *timestamp) UnmarshalJSON(b []byte) error { //nolint:unparam // the interface demands the error
	text := string(b)
	var quoted string
	if json.Unmarshal(b, &quoted) == nil {
		text = quoted
	}
	t.given = text
	if number, err := strconv.ParseFloat(text, 64); err == nil {
		t.Time, t.err = fromUnix(number)
		return nil
	}
	t.Time, t.err = parseISO(text)
	return nil
}

// Resolve implements huma.ResolverWithPath.
func (t *timestamp) Resolve(huma.Context, *huma.PathBuffer) []error {
	if t.err == nil {
		return nil
	}
	return []error{&fastapi.Invalid{
		Type:  "datetime_from_date_parsing",
		Loc:   []any{"body", "metadata", "timestamp"},
		Msg:   "Input should be a valid datetime or date, " + t.err.Error(),
		Input: t.given,
		Ctx:   map[string]any{"error": t.err.Error()},
	}}
}

func fromUnix(n float64) (time.Time, error) {
	if math.Abs(n) > 2e10 {
		n /= 1000
	}
	if math.IsNaN(n) || math.Abs(n) > 253_402_300_799 { // the end of the year 9999
		return time.Time{}, errors.New("the number is out of range")
	}
	return time.UnixMicro(int64(n * 1e6)).UTC(), nil
}

func parseISO(s string) (time.Time, error) {
	s = strings.Replace(s, " ", "T", 1)
	for _, layout := range []string{
		time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02T15:04",
		"2006-01-02T15:04:05-0700", time.DateOnly,
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, errors.New("expected ISO 8601 such as 2025-04-06T12:00:00Z")
}
