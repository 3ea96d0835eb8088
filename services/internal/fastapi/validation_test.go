package fastapi

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
	"github.com/google/go-cmp/cmp"
)

const humaValidation = "github.com/danielgtaylor/huma/v2/validation"

// translation is a message of Huma's, and what translate makes of it. The answer
// is FastAPI's JSON without the input, or a message that is passed on as it is.
type translation struct {
	message string
	want    string
}

// translations has every message of Huma's validation by the name of its
// variable. A message that an upgrade of Huma adds, changes or removes belongs
// here and, if pydantic words it differently, in translate.
func translations() map[string]translation {
	format := fmt.Sprintf
	passedOn := func(message string) string { return format(`{"type":"value_error","msg":"Value error, %s"}`, message) }
	return map[string]translation{
		"MsgExpectedString": {validation.MsgExpectedString,
			`{"type":"string_type","msg":"Input should be a valid string"}`},
		"MsgExpectedArray": {validation.MsgExpectedArray,
			`{"type":"list_type","msg":"Input should be a valid list"}`},
		"MsgExpectedObject": {validation.MsgExpectedObject,
			`{"type":"model_attributes_type",` +
				`"msg":"Input should be a valid dictionary or object to extract fields from"}`},
		"MsgExpectedInteger": {validation.MsgExpectedInteger,
			`{"type":"int_type","msg":"Input should be a valid integer"}`},
		"MsgExpectedRequiredProperty": {format(validation.MsgExpectedRequiredProperty, "text"),
			`{"type":"missing","loc":["body","field","text"],"msg":"Field required"}`},
		"MsgExpectedMinLength": {format(validation.MsgExpectedMinLength, 1),
			`{"type":"string_too_short","msg":"String should have at least 1 character","ctx":{"min_length":1}}`},
		"MsgExpectedMaxLength": {format(validation.MsgExpectedMaxLength, 5),
			`{"type":"string_too_long","msg":"String should have at most 5 characters","ctx":{"max_length":5}}`},
		"MsgExpectedMaxItems": {format(validation.MsgExpectedMaxItems, 2),
			`{"type":"too_long","msg":"List should have at most 2 items after validation","ctx":{"max_length":2}}`},
		"MsgExpectedMinimumNumber": {format(validation.MsgExpectedMinimumNumber, 0.0),
			`{"type":"greater_than_equal","msg":"Input should be greater than or equal to 0","ctx":{"ge":0}}`},
		"MsgExpectedMaximumNumber": {format(validation.MsgExpectedMaximumNumber, 9007199254740991.0),
			`{"type":"less_than_equal","msg":"Input should be less than or equal to 9007199254740991",` +
				`"ctx":{"le":9007199254740991}}`},

		// The services' types have no schemas that lead to the following messages, or
		// pydantic has no words of its own for them.
		"MsgUnexpectedProperty": {validation.MsgUnexpectedProperty,
			passedOn("unexpected property")},
		"MsgExpectedRFC3339DateTime": {validation.MsgExpectedRFC3339DateTime,
			passedOn("expected string to be RFC 3339 date-time")},
		"MsgExpectedRFC1123DateTime": {validation.MsgExpectedRFC1123DateTime,
			passedOn("expected string to be RFC 1123 date-time")},
		"MsgExpectedRFC3339Date": {validation.MsgExpectedRFC3339Date,
			passedOn("expected string to be RFC 3339 date")},
		"MsgExpectedRFC3339Time": {validation.MsgExpectedRFC3339Time,
			passedOn("expected string to be RFC 3339 time")},
		"MsgExpectedRFC5322Email": {format(validation.MsgExpectedRFC5322Email, "no @"),
			passedOn("expected string to be RFC 5322 email: no @")},
		"MsgExpectedRFC5890Hostname": {validation.MsgExpectedRFC5890Hostname,
			passedOn("expected string to be RFC 5890 hostname")},
		"MsgExpectedRFC2673IPv4": {validation.MsgExpectedRFC2673IPv4,
			passedOn("expected string to be RFC 2673 ipv4")},
		"MsgExpectedRFC2373IPv6": {validation.MsgExpectedRFC2373IPv6,
			passedOn("expected string to be RFC 2373 ipv6")},
		"MsgExpectedRFCIPAddr": {validation.MsgExpectedRFCIPAddr,
			passedOn("expected string to be either RFC 2673 ipv4 or RFC 2373 ipv6")},
		"MsgExpectedRFC3986URI": {format(validation.MsgExpectedRFC3986URI, "no scheme"),
			passedOn("expected string to be RFC 3986 uri: no scheme")},
		"MsgExpectedRFC4122UUID": {format(validation.MsgExpectedRFC4122UUID, "too short"),
			passedOn("expected string to be RFC 4122 uuid: too short")},
		"MsgExpectedRFC6570URITemplate": {validation.MsgExpectedRFC6570URITemplate,
			passedOn("expected string to be RFC 6570 uri-template")},
		"MsgExpectedRFC6901JSONPointer": {validation.MsgExpectedRFC6901JSONPointer,
			passedOn("expected string to be RFC 6901 json-pointer")},
		"MsgExpectedRFC6901RelativeJSONPointer": {validation.MsgExpectedRFC6901RelativeJSONPointer,
			passedOn("expected string to be RFC 6901 relative-json-pointer")},
		"MsgExpectedRegexp": {format(validation.MsgExpectedRegexp, "no )"),
			passedOn("expected string to be regex: no )")},
		"MsgExpectedMatchAtLeastOneSchema": {validation.MsgExpectedMatchAtLeastOneSchema,
			passedOn("expected value to match at least one schema but matched none")},
		"MsgExpectedMatchExactlyOneSchema": {validation.MsgExpectedMatchExactlyOneSchema,
			passedOn("expected value to match exactly one schema but matched none")},
		"MsgExpectedNotMatchSchema": {validation.MsgExpectedNotMatchSchema,
			passedOn("expected value to not match schema")},
		"MsgExpectedPropertyNameInObject": {validation.MsgExpectedPropertyNameInObject,
			passedOn("expected propertyName value to be present in object")},
		"MsgExpectedBoolean": {validation.MsgExpectedBoolean,
			passedOn("expected boolean")},
		"MsgExpectedDuration": {format(validation.MsgExpectedDuration, "no unit"),
			passedOn("expected duration: no unit")},
		"MsgExpectedNumber": {validation.MsgExpectedNumber,
			passedOn("expected number")},
		"MsgExpectedBase64String": {validation.MsgExpectedBase64String,
			passedOn("expected string to be base64 encoded")},
		"MsgExpectedArrayItemsUnique": {validation.MsgExpectedArrayItemsUnique,
			passedOn("expected array items to be unique")},
		"MsgExpectedOneOf": {format(validation.MsgExpectedOneOf, "a, b"),
			passedOn(`expected value to be one of \"a, b\"`)},
		"MsgExpectedConst": {format(validation.MsgExpectedConst, "a"),
			passedOn("expected value to be a")},
		"MsgExpectedExclusiveMinimumNumber": {format(validation.MsgExpectedExclusiveMinimumNumber, 0.0),
			passedOn("expected number > 0")},
		"MsgExpectedExclusiveMaximumNumber": {format(validation.MsgExpectedExclusiveMaximumNumber, 1.0),
			passedOn("expected number < 1")},
		"MsgExpectedNumberBeMultipleOf": {format(validation.MsgExpectedNumberBeMultipleOf, 2.0),
			passedOn("expected number to be a multiple of 2")},
		"MsgExpectedBePattern": {format(validation.MsgExpectedBePattern, "text without NUL"),
			passedOn("expected string to be text without NUL")},
		"MsgExpectedMatchPattern": {format(validation.MsgExpectedMatchPattern, "^a$"),
			passedOn("expected string to match pattern ^a$")},
		"MsgExpectedMinItems": {format(validation.MsgExpectedMinItems, 1),
			passedOn("expected array length >= 1")},
		"MsgExpectedMinProperties": {format(validation.MsgExpectedMinProperties, 1),
			passedOn("expected object with at least 1 properties")},
		"MsgExpectedMaxProperties": {format(validation.MsgExpectedMaxProperties, 1),
			passedOn("expected object with at most 1 properties")},
		"MsgExpectedDependentRequiredProperty": {format(validation.MsgExpectedDependentRequiredProperty, "a", "b"),
			passedOn("expected property a to be present when b is present")},
	}
}

// TestEveryMessageOfHumaIsTranslated makes an upgrade of Huma fail here, by the
// name of the message, rather than in the clients that read FastAPI's errors.
func TestEveryMessageOfHumaIsTranslated(t *testing.T) {
	t.Parallel()
	known := translations()
	for name, tc := range known {
		found := translate(&huma.ErrorDetail{Message: tc.message, Location: "body.field", Value: true})
		if found.Input != true {
			t.Errorf("%s: the input is %v; want the value that was found", name, found.Input)
		}
		var want map[string]any
		if err := json.Unmarshal([]byte(tc.want), &want); err != nil {
			t.Fatalf("%s: the table has %s: %v", name, tc.want, err)
		}
		if want["loc"] == nil {
			want["loc"] = []any{"body", "field"}
		}
		if diff := cmp.Diff(want, fields(t, found)); diff != "" {
			t.Errorf("%s: %q is translated otherwise (-want +got):\n%s", name, tc.message, diff)
		}
	}
	for _, name := range messagesOfHuma(t) {
		if _, ok := known[name]; !ok {
			t.Errorf("validation.%s of Huma is not in the table of translations", name)
		}
	}
}

// fields returns the JSON of in without its input.
func fields(t *testing.T, in Invalid) map[string]any {
	t.Helper()
	encoded, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var decoded map[string]any
	if err := json.Unmarshal(encoded, &decoded); err != nil {
		t.Fatal(err)
	}
	delete(decoded, "input")
	return decoded
}

// messagesOfHuma returns the names of all Msg… that Huma's source declares.
func messagesOfHuma(t *testing.T) []string {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", humaValidation).Output()
	if err != nil {
		t.Fatalf("finding the source of %s: %v", humaValidation, err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok {
				for _, name := range spec.Names {
					if strings.HasPrefix(name.Name, "Msg") {
						names = append(names, name.Name)
					}
				}
			}
			return true
		})
	}
	if len(names) == 0 {
		t.Fatalf("%s declares no messages in %v", humaValidation, files)
	}
	return names
}

// TestIntegerProblems holds the distinctions that pydantic makes.
func TestIntegerProblems(t *testing.T) {
	t.Parallel()
	for _, message := range []string{validation.MsgExpectedInteger, "invalid integer"} {
		for want, value := range map[string]any{"int_parsing": "7", "int_from_float": 1.5, "int_type": true} {
			if got := translate(&huma.ErrorDetail{Message: message, Value: value}); got.Type != want {
				t.Errorf("%q about %v: the type is %s; want %s", message, value, got.Type, want)
			}
		}
	}
}
