package fastapi

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
)

// A 422 must not be many times larger than the request.
const (
	maxErrors     = 100
	maxInputBytes = 2048
)

// Huma has no codes for what it finds, so translate reads its English messages.
// TestEveryMessageOfHumaIsTranslated fails if an upgrade of Huma changes one.
var (
	limitMessage    = regexp.MustCompile(`^expected (length|number|array length) (>=|<=) (\d+(?:\.\d+)?(?:e\+\d+)?)$`)
	requiredMessage = regexp.MustCompile(`^expected required property (.+) to be present$`)
	syntaxMessage   = regexp.MustCompile(`(?s)^invalid JSON at byte (\d+): (.*)$`) // see unmarshal
	pathSegment     = regexp.MustCompile(`[^.\[\]]+`)
)

// translateAll translates what Huma found wrong with a request, up to maxErrors,
// and puts it in FastAPI's order.
func translateAll(found []*huma.ErrorDetail, op *huma.Operation) []Invalid {
	invalid := make([]Invalid, min(len(found), maxErrors))
	for i := range invalid {
		invalid[i] = translate(found[i])
		invalid[i].Input = shortened(invalid[i].Input)
	}
	sortByField(invalid, op)
	return invalid
}

// translate words one thing that Huma found as FastAPI words it. A message that
// pydantic does not know becomes a value_error that quotes it.
func translate(found *huma.ErrorDetail) Invalid {
	if own, ok := found.Value.(*Invalid); ok {
		return *own
	}
	in := Invalid{
		Type:  "value_error",
		Loc:   location(found.Location),
		Msg:   "Value error, " + found.Message,
		Input: found.Value,
	}
	switch found.Message {
	case validation.MsgExpectedString:
		return in.worded("string_type", "Input should be a valid string")
	case validation.MsgExpectedArray:
		return in.worded("list_type", "Input should be a valid list")
	case validation.MsgExpectedObject:
		const msg = "Input should be a valid dictionary or object to extract fields from"
		return in.worded("model_attributes_type", msg)
	case validation.MsgExpectedInteger, "invalid integer":
		return in.worded(integerProblem(found.Value))
	}
	if m := requiredMessage.FindStringSubmatch(found.Message); m != nil {
		in.Loc = append(in.Loc, m[1])
		return in.worded("missing", "Field required")
	}
	if m := syntaxMessage.FindStringSubmatch(found.Message); m != nil {
		position, _ := strconv.Atoi(m[1])
		in.Loc = append(in.Loc, position)
		in.Input = struct{}{}
		in.Ctx = map[string]any{"error": m[2]}
		return in.worded("json_invalid", "JSON decode error")
	}
	if strings.HasPrefix(found.Message, "required ") {
		in.Input = nil
		return in.worded("missing", "Field required")
	}
	if m := limitMessage.FindStringSubmatch(found.Message); m != nil {
		return in.outOfRange(m[1]+" "+m[2], json.Number(m[3]))
	}
	return in
}

// worded returns a copy with another type and message.
func (i Invalid) worded(kind, msg string) Invalid {
	i.Type = kind
	i.Msg = msg
	return i
}

// outOfRange words a length or number that is beyond its limit. The rule is
// Huma's, such as "length >=".
func (i Invalid) outOfRange(rule string, limit json.Number) Invalid {
	if f, err := limit.Float64(); err == nil && f == math.Trunc(f) {
		limit = json.Number(strconv.FormatFloat(f, 'f', -1, 64))
	}
	for _, known := range []struct{ rule, kind, msg, name string }{
		{"length >=", "string_too_short", "String should have at least %s character", "min_length"},
		{"length <=", "string_too_long", "String should have at most %s characters", "max_length"},
		{"array length <=", "too_long", "List should have at most %s items after validation", "max_length"},
		{"number >=", "greater_than_equal", "Input should be greater than or equal to %s", "ge"},
		{"number <=", "less_than_equal", "Input should be less than or equal to %s", "le"},
	} {
		if known.rule == rule {
			i.Ctx = map[string]any{known.name: limit}
			return i.worded(known.kind, fmt.Sprintf(known.msg, limit))
		}
	}
	return i
}

// integerProblem distinguishes what pydantic distinguishes.
func integerProblem(value any) (kind, msg string) {
	switch value.(type) {
	case string:
		return "int_parsing", "Input should be a valid integer, unable to parse string as an integer"
	case float64:
		return "int_from_float", "Input should be a valid integer, got a number with a fractional part"
	}
	return "int_type", "Input should be a valid integer"
}

// location turns Huma's body.tags[1] into ["body","tags",1].
func location(path string) []any {
	loc := []any{}
	for _, s := range pathSegment.FindAllString(path, -1) {
		if n, err := strconv.Atoi(s); err == nil && strings.Contains(path, "["+s+"]") {
			loc = append(loc, n)
			continue
		}
		loc = append(loc, s)
	}
	return loc
}

// shortened returns the input if it is a text of at most maxInputBytes bytes, or if
// its JSON is as short. Otherwise it returns the first of these bytes as text, and
// marks the cut.
func shortened(input any) any {
	switch input := input.(type) {
	case cut:
		return input
	case string:
		if len(input) > maxInputBytes {
			return cutOff([]byte(input))
		}
		return input
	}
	text, err := json.Marshal(input)
	if err != nil || len(text) <= maxInputBytes {
		return input
	}
	return cutOff(text)
}

// cutOff returns the first maxInputBytes bytes of the text, and marks the cut.
func cutOff(text []byte) cut {
	return cut(strings.ToValidUTF8(string(text[:maxInputBytes]), "") + "…")
}
