package serve

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
)

// Invalid is one thing that is wrong with a request, in the shape of FastAPI
// (https://fastapi.tiangolo.com) and pydantic.
type Invalid struct {
	Type  string         `json:"type" doc:"Kind of the error, one of pydantic's." example:"missing"`
	Loc   []any          `json:"loc" doc:"Where it is: body, path or query, then names and indexes." example:"[\"body\",\"text\"]"`
	Msg   string         `json:"msg" example:"Field required"`
	Input any            `json:"input" doc:"What was found there."`
	Ctx   map[string]any `json:"ctx,omitempty"`
}

// Error lets a resolver of Huma return an Invalid.
func (i *Invalid) Error() string { return i.Msg }

// ErrorDetail implements huma.ErrorDetailer.
func (i *Invalid) ErrorDetail() *huma.ErrorDetail {
	return &huma.ErrorDetail{Message: i.Msg, Value: i}
}

var (
	limit       = regexp.MustCompile(`^expected (length|number|array length) (>=|<=) (\d+(?:\.\d+)?(?:e\+\d+)?)$`)
	required    = regexp.MustCompile(`^expected required property (.+) to be present$`)
	invalidJSON = regexp.MustCompile(`(?s)^invalid JSON at byte (\d+): (.*)$`)
	segment     = regexp.MustCompile(`[^.\[\]]+`)
)

// missingBody is what FastAPI says when there is none.
func missingBody() []Invalid {
	return []Invalid{{Type: "missing", Loc: []any{"body"}, Msg: "Field required"}}
}

// invalidFrom translates what Huma found into FastAPI's words.
func invalidFrom(d *huma.ErrorDetail) Invalid {
	if own, ok := d.Value.(*Invalid); ok {
		return *own
	}
	in := Invalid{Type: "value_error", Loc: location(d.Location), Msg: "Value error, " + d.Message, Input: d.Value}
	switch d.Message {
	case validation.MsgExpectedString:
		in.Type, in.Msg = "string_type", "Input should be a valid string"
	case validation.MsgExpectedArray:
		in.Type, in.Msg = "list_type", "Input should be a valid list"
	case validation.MsgExpectedObject:
		in.Type, in.Msg = "model_attributes_type", "Input should be a valid dictionary or object to extract fields from"
	case validation.MsgExpectedInteger, "invalid integer":
		in.Type, in.Msg = integerProblem(d.Value)
	default:
		if m := required.FindStringSubmatch(d.Message); m != nil {
			in.Type, in.Msg, in.Loc = "missing", "Field required", append(in.Loc, m[1])
		} else if m := invalidJSON.FindStringSubmatch(d.Message); m != nil {
			position, _ := strconv.Atoi(m[1])
			in.Type, in.Msg, in.Input = "json_invalid", "JSON decode error", struct{}{}
			in.Loc, in.Ctx = append(in.Loc, position), map[string]any{"error": m[2]}
		} else if strings.HasPrefix(d.Message, "required ") {
			in.Type, in.Msg, in.Input = "missing", "Field required", nil
		} else if m := limit.FindStringSubmatch(d.Message); m != nil {
			in.outOfRange(m[1], m[2], json.Number(m[3]))
		}
	}
	return in
}

// outOfRange words a length or number that is beyond its limit.
func (i *Invalid) outOfRange(what, comparison string, limit json.Number) {
	if f, err := limit.Float64(); err == nil && f == math.Trunc(f) {
		limit = json.Number(strconv.FormatFloat(f, 'f', -1, 64))
	}
	switch what + comparison {
	case "length>=":
		i.Type, i.Msg, i.Ctx = "string_too_short", fmt.Sprintf("String should have at least %s character", limit), map[string]any{"min_length": limit}
	case "length<=":
		i.Type, i.Msg, i.Ctx = "string_too_long", fmt.Sprintf("String should have at most %s characters", limit), map[string]any{"max_length": limit}
	case "array length<=":
		i.Type, i.Msg, i.Ctx = "too_long", fmt.Sprintf("List should have at most %s items after validation", limit), map[string]any{"max_length": limit}
	case "number>=":
		i.Type, i.Msg, i.Ctx = "greater_than_equal", fmt.Sprintf("Input should be greater than or equal to %s", limit), map[string]any{"ge": limit}
	case "number<=":
		i.Type, i.Msg, i.Ctx = "less_than_equal", fmt.Sprintf("Input should be less than or equal to %s", limit), map[string]any{"le": limit}
	}
}

// integerProblem tells apart what pydantic tells apart.
func integerProblem(value any) (kind, msg string) {
	switch value.(type) {
	case string:
		return "int_parsing", "Input should be a valid integer, unable to parse string as an integer"
	case float64:
		return "int_from_float", "Input should be a valid integer, got a number with a fractional part"
	}
	return "int_type", "Input should be a valid integer"
}

// Unprocessable is a 422 with one Invalid at the location, for what the types of
// an operation cannot express.
func Unprocessable(kind, msg string, input any, loc ...any) *Error {
	return &Error{Status: http.StatusUnprocessableEntity, Detail: []Invalid{{Type: kind, Loc: loc, Msg: msg, Input: input}}}
}

// ParseInteger reads an integer of a query or header that must be there, from
// low to high. Its errors are 422 answers in FastAPI's words.
func ParseInteger(in, name, value string, low, high int64) (int64, error) {
	invalid := Invalid{Type: "int_parsing", Loc: []any{in, name}, Msg: "Input should be a valid integer, unable to parse string as an integer", Input: value}
	n, err := strconv.ParseInt(value, 10, 64)
	switch {
	case value == "":
		invalid = Invalid{Type: "missing", Loc: invalid.Loc, Msg: "Field required"}
	case err != nil && !errors.Is(err, strconv.ErrRange):
	case n < low:
		invalid.outOfRange("number", ">=", json.Number(strconv.FormatInt(low, 10)))
	case n > high || err != nil:
		invalid.outOfRange("number", "<=", json.Number(strconv.FormatInt(high, 10)))
	default:
		return n, nil
	}
	return 0, &Error{Status: http.StatusUnprocessableEntity, Detail: []Invalid{invalid}}
}

// location turns Huma's body.tags[1] into ["body","tags",1].
func location(path string) []any {
	loc := []any{}
	for _, s := range segment.FindAllString(path, -1) {
		if n, err := strconv.Atoi(s); err == nil && strings.Contains(path, "["+s+"]") {
			loc = append(loc, n)
			continue
		}
		loc = append(loc, s)
	}
	return loc
}

// Bounds of a 422, which must not be many times larger than the request.
const (
	maxErrors     = 100
	maxInputBytes = 2048
)

// shortened replaces an input that is long as JSON by its beginning.
func shortened(input any) any {
	text, err := json.Marshal(input)
	if err != nil || len(text) <= maxInputBytes {
		return input
	}
	return strings.ToValidUTF8(string(text[:maxInputBytes]), "") + "…"
}

const fieldOrderKey = "fieldOrder"

// fieldOrder numbers the fields of the Body of an operation's input type in the
// order of their declaration, by paths such as /metadata/session_id.
func fieldOrder(input reflect.Type) map[string]int {
	order := map[string]int{}
	var walk func(t reflect.Type, path string)
	walk = func(t reflect.Type, path string) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			return
		}
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			if name == "" || name == "-" {
				continue
			}
			order[path+"/"+name] = len(order) + 1
			walk(t.Field(i).Type, path+"/"+name)
		}
	}
	if body, ok := input.FieldByName("Body"); ok {
		walk(body.Type, "")
	}
	return order
}

// sortByField puts what is wrong with the body in the order of its fields, as
// FastAPI does; Huma goes by the alphabet.
func sortByField(invalid []Invalid, op *huma.Operation) {
	order, _ := op.Metadata[fieldOrderKey].(map[string]int)
	rank := func(in Invalid) int {
		if len(in.Loc) == 0 || in.Loc[0] != "body" {
			return 0
		}
		path, last := "", 0
		for _, s := range in.Loc[1:] {
			path += "/" + fmt.Sprint(s)
			if n, ok := order[path]; ok {
				last = n
			}
		}
		return last
	}
	slices.SortStableFunc(invalid, func(a, b Invalid) int { return rank(a) - rank(b) })
}

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

func statusKey(status int) string { return strconv.Itoa(status) }
