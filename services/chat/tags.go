package main

import (
	"encoding/json"

	"github.com/danielgtaylor/huma/v2"

	"daca/services/internal/fastapi"
)

// tags are texts that the client attaches. Resolve checks their types, because the
// schema would report every wrong item of a list of any length.
type tags struct{ items []json.RawMessage }

const maxTags = 100

// Schema implements huma.SchemaProvider.
func (tags) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{
		Type:     huma.TypeArray,
		MaxItems: new(maxTags),
		Items:    &huma.Schema{Description: "A text."},
		Nullable: true,
		Examples: []any{[]string{"greeting"}},
	}
	s.PrecomputeMessages()
	return s
}

// UnmarshalJSON keeps the items for Resolve.
func (t *tags) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &t.items) }

// Resolve implements huma.ResolverWithPath.
func (t *tags) Resolve(huma.Context, *huma.PathBuffer) (errs []error) {
	for i, tag := range t.items[:min(len(t.items), maxTags)] {
		if tag[0] != '"' {
			errs = append(errs, &fastapi.Invalid{
				Type:  "string_type",
				Loc:   []any{"body", "tags", i},
				Msg:   "Input should be a valid string",
				Input: tag,
			})
		}
	}
	return errs
}
