package fastapi

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"
)

// order is a body with every kind of value.
type order struct {
	Name  string          `json:"name"`
	Price float64         `json:"price"`
	Paid  *bool           `json:"paid"`
	Lines []line          `json:"lines" maxItems:"3"`
	Notes []string        `json:"notes"`
	Extra map[string]line `json:"extra"`
	Other any             `json:"other"`
}

type line struct {
	Text string `json:"text"`
}

// padding makes a body large, so that only what the schema describes is decoded.
var padding = `"unknown":[` + strings.Repeat(`{"":0},`, maxInputBytes/7) + `{"":0}]`

func TestOnlyKnownValuesOfLargeBodiesAreDecoded(t *testing.T) {
	t.Parallel()
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	schema := registry.Schema(reflect.TypeFor[order](), true, "")
	long := strings.Repeat(`[1, 2],`, maxInputBytes)
	for name, tc := range map[string]struct {
		body, want string // want is JSON, or an error
	}{
		"known values": {
			`{"name":"a","price":1.5,"paid":null,"lines":[{"text":"b","more":[1]}],"notes":["c"],"extra":{"d":{"text":"e"}}}`,
			`{"name":"a","price":1.5,"paid":null,"lines":[{"text":"b"}],"notes":["c"],"extra":{"d":{"text":"e"}}}`,
		},
		"values of another type": {
			`{"name":[1,{"":2}],"price":"1","paid":{},"lines":{"text":1},"notes":[["c"],7],"other":[[1]]}`,
			`{"name":[1,{"":2}],"price":"1","paid":{},"lines":{"text":1},"notes":[["c"],7],"other":[[1]]}`,
		},
		"a long value of another type": {`{"name":[` + long + `0]}`, `{"name":"[` + long[:maxInputBytes-1] + `…"}`},
		"a long list":                  {`{"lines":[{},{},{},{},{},{},[]]}`, `{"lines":[{},{},{},{}]}`},
		"no object":                    {`7`, `7`},
		"too many values": {
			`{"notes":[` + strings.Repeat(`"",`, maxValues) + `""]}`, "the body has more than 4096 values",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := tc.body
			if inside, ok := strings.CutPrefix(body, "{"); ok {
				body = `{` + padding + `,` + inside
			} else {
				body += strings.Repeat(" ", maxInputBytes)
			}
			got, err := decodeKnown([]byte(body), schema, registry)
			if err != nil {
				if err.Error() != tc.want {
					t.Errorf("the error is %v; want %s", err, tc.want)
				}
				return
			}
			var text strings.Builder
			if err := marshal(&text, got); err != nil {
				t.Fatal(err)
			}
			var have, want any
			if err := unmarshal([]byte(text.String()), &have); err != nil {
				t.Fatal(err)
			}
			if err := unmarshal([]byte(tc.want), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, have); diff != "" {
				t.Errorf("(-want +got):\n%.2000s", diff)
			}
		})
	}
}

// TestBrokenJSONIsReportedAlike holds that a large body is refused for the same
// reason, at the same place, as if all of it were decoded.
func TestBrokenJSONIsReportedAlike(t *testing.T) {
	t.Parallel()
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	schema := registry.Schema(reflect.TypeFor[order](), true, "")
	for _, broken := range []string{
		`{%s,"name":`, `{%s,"name":"a"`, `{%s,"name":"a"]`, `{%s,"name":01}`, `{%s} {}`, `{%s}x`, `{%s,"x":[}`,
		`{%s,"name":"a","name":"b"}`, `{%s,"x":{"a":1,"a":2}}`, `{%s,"name":"` + "\xff" + `"}`, `{%s,"price":1e999}`,
		`{%s,"lines":[{},{},{},{},{},{]}`, `{%s,"notes":["a",}`, `{%s,"lines":[{"text"}]}`,
	} {
		body := []byte(fmt.Sprintf(broken, padding))
		var tree any
		want := unmarshal(body, &tree)
		_, got := decodeKnown(body, schema, registry)
		if want == nil || got == nil || got.Error() != want.Error() {
			t.Errorf("%s: the error is\n%v; want\n%v", fmt.Sprintf(broken, "…"), got, want)
		}
	}
}

func TestTooDeep(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		"":                                  false,
		strings.Repeat("[", maxDepth):       false,
		strings.Repeat("[", maxDepth+1):     true,
		strings.Repeat(`{"a":`, maxDepth+1): true,
		strings.Repeat("[],", 1000):         false,
		`"` + strings.Repeat("[", 100):      false,
		`"\"` + strings.Repeat("[", 100):    false,
		`"\\"` + strings.Repeat("[", 100):   true,
		`"\`:                                false,
		strings.Repeat("[", maxDepth) + `"]"` + strings.Repeat("]", maxDepth) + "[[]]": false,
	} {
		if got := tooDeep([]byte(body)); got != want {
			t.Errorf("tooDeep(%.80s) = %t; want %t", body, got, want)
		}
	}
}
