package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
)

// figure is one result:
//
//	{"figure": "exact events/s ÷ single no-op, 50 users", "value": 1.5, "floor": 1.2,
//	 "aim": 2, "better": "higher", "unit": "ratio"}
type figure struct {
	Figure string  `json:"figure"`
	Value  float64 `json:"value"`
	Floor  float64 `json:"floor"` // what has to be reached; floor and aim are 0 if nothing has
	Aim    float64 `json:"aim"`
	Better string  `json:"better"` // higher or lower
	Unit   string  `json:"unit"`

	spread sample // the value in each round
}

const (
	higher = "higher"
	lower  = "lower"
	ratio  = "ratio"
)

// sample is one value from each round.
type sample []float64

// median returns 0 for no values.
func (s sample) median() float64 {
	sorted := slices.Sorted(slices.Values(s))
	n := len(sorted)
	switch {
	case n == 0:
		return 0
	case n%2 == 1:
		return sorted[n/2]
	default:
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
}

// over divides round by round, because what was measured in one round was measured
// under the same conditions.
func (s sample) over(base sample) sample {
	var ratios sample
	for i := range min(len(s), len(base)) {
		ratios = append(ratios, s[i]/base[i])
	}
	return ratios
}

// String is the median with the lowest and the highest value.
func (s sample) String() string {
	if len(s) == 0 {
		return "–"
	}
	return fmt.Sprintf("%s (%s to %s)", number(s.median()), number(slices.Min(s)), number(slices.Max(s)))
}

// number prints three digits, and more for the whole part.
func number(value float64) string {
	switch {
	case value >= 100:
		return fmt.Sprintf("%.0f", value)
	case value >= 10:
		return fmt.Sprintf("%.1f", value)
	case value >= 0.1 || value == 0:
		return fmt.Sprintf("%.2f", value)
	}
	return fmt.Sprintf("%.4f", value)
}

// of returns the figure with the median of the sample as its value.
func (f figure) of(values sample) figure {
	f.Value = values.median()
	f.spread = values
	return f
}

// String is the value with the lowest and the highest of the rounds.
func (f figure) String() string {
	if len(f.spread) < 2 {
		return number(f.Value)
	}
	return fmt.Sprintf("%s (%s to %s)", number(f.Value), number(slices.Min(f.spread)), number(slices.Max(f.spread)))
}

// verdict says what the value reaches; a dash if nothing has to be reached.
func (f figure) verdict() string {
	sign := 1
	if f.Better == lower {
		sign = -1
	}
	switch {
	case f.Floor == 0 && f.Aim == 0:
		return "–"
	case cmp.Compare(f.Value, f.Aim)*sign >= 0:
		return "aim"
	case cmp.Compare(f.Value, f.Floor)*sign >= 0:
		return "floor"
	}
	return "BELOW THE FLOOR"
}

// bound shows a floor or an aim; a dash if nothing has to be reached.
func (f figure) bound(value float64) string {
	if f.Floor == 0 && f.Aim == 0 {
		return "–"
	}
	return number(value)
}

// table shows the figures to people.
func table(figures []figure) string {
	var text strings.Builder
	columns := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(columns, "figure\tunit\tmedian (lowest to highest)\tfloor\taim\treached")
	for _, f := range figures {
		_, _ = fmt.Fprintf(columns, "%s\t%s\t%s\t%s\t%s\t%s\n",
			f.Figure, f.Unit, f, f.bound(f.Floor), f.bound(f.Aim), f.verdict())
	}
	_ = columns.Flush()
	return text.String()
}

// write writes the figures as a JSON list.
func write(path string, figures []figure) error {
	text, err := json.MarshalIndent(figures, "", "  ")
	if err == nil {
		err = errors.Join(
			os.MkdirAll(filepath.Dir(path), 0o755),
			os.WriteFile(path, append(text, '\n'), fs.FileMode(0o644)),
		)
	}
	if err != nil {
		return fmt.Errorf("writing the figures: %w", err)
	}
	return nil
}

// read reads what write has written.
func read(path string) ([]figure, error) {
	var figures []figure
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &figures)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the figures: %w", err)
	}
	return figures, nil
}
