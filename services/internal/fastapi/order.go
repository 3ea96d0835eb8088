package fastapi

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// fieldOrderKey is where Register keeps the fieldOrder in an operation's metadata.
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

// sortByField sorts what is wrong with the body by the order of its fields, as
// FastAPI does. Huma sorts by the alphabet.
func sortByField(invalid []Invalid, op *huma.Operation) {
	order, _ := op.Metadata[fieldOrderKey].(map[string]int)
	rank := func(in Invalid) int {
		if len(in.Loc) == 0 || in.Loc[0] != "body" {
			return 0
		}
		last := 0
		path := ""
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
