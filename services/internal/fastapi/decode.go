package fastapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Bounds of a body. A byte of JSON can cost a hundred bytes when it is decoded.
const (
	maxDepth  = 64   // of objects and lists in each other
	maxValues = 4096 // of a large body, in places that the schema describes
)

// unmarshal is stricter than encoding/json: it refuses invalid UTF-8, duplicate
// names, and names in another case. Its syntax errors have the form that
// translate reads.
func unmarshal(data []byte, v any) error {
	return syntaxError(jsonv2.Unmarshal(data, v), len(data))
}

// syntaxError words err, if the JSON of that size is broken, for translate.
func syntaxError(err error, size int) error {
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.As(err, &syntactic):
		return fmt.Errorf("invalid JSON at byte %d: %w", syntactic.ByteOffset, syntactic.Err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("invalid JSON at byte %d: %w", size, err)
	}
	return err
}

// tooDeep reports whether objects and lists are nested deeper than maxDepth. Some
// decoders need a lot of stack for each level.
func tooDeep(data []byte) bool {
	depth := 0
	inText := false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '[' || c == '{':
			if depth++; depth > maxDepth {
				return true
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return false
}

// knownValues decodes a JSON body for Huma's validation, which reads a tree of any.
// A tree of all that a body contains can be a hundred times larger than the body.
// This one has only what the schema describes, unless the body is small.
type knownValues struct {
	decoder  *jsontext.Decoder
	registry huma.Registry
	values   int // decoded so far
}

// decodeKnown returns the tree of the values in data that the schema describes. A
// value that is of another type than the schema's stands in it as its JSON, or as
// the beginning of that.
func decodeKnown(data []byte, schema *huma.Schema, registry huma.Registry) (any, error) {
	if len(data) <= maxInputBytes {
		var v any
		err := unmarshal(data, &v)
		return v, err
	}
	d := knownValues{decoder: jsontext.NewDecoder(bytes.NewBuffer(data)), registry: registry}
	v, err := d.value(schema)
	if err != nil {
		return nil, syntaxError(err, len(data))
	}
	rest := bytes.TrimLeft(data[d.decoder.InputOffset():], " \t\r\n")
	if len(rest) > 0 {
		const format = "invalid JSON at byte %d: invalid character %q after top-level value"
		return nil, fmt.Errorf(format, len(data)-len(rest), rest[0])
	}
	return v, nil
}

// value decodes the next value. A schema of nil describes every value.
func (d *knownValues) value(schema *huma.Schema) (any, error) {
	if d.values++; d.values > maxValues {
		return nil, fmt.Errorf("the body has more than %d values", maxValues)
	}
	for schema != nil && schema.Ref != "" {
		schema = d.registry.SchemaFromRef(schema.Ref)
	}
	if schema != nil && hasAlternatives(schema) {
		schema = nil
	}
	kind := d.decoder.PeekKind()
	switch {
	case kind == jsontext.KindBeginObject && (schema == nil || schema.Type == huma.TypeObject):
		return d.object(schema)
	case kind == jsontext.KindBeginArray && (schema == nil || schema.Type == huma.TypeArray):
		return d.array(schema)
	case kind == jsontext.KindBeginObject || kind == jsontext.KindBeginArray:
		raw, err := d.decoder.ReadValue()
		return beginning(raw), err
	}
	var scalar any
	err := jsonv2.UnmarshalDecode(d.decoder, &scalar)
	return scalar, err
}

func hasAlternatives(s *huma.Schema) bool {
	return len(s.OneOf) > 0 || len(s.AnyOf) > 0 || len(s.AllOf) > 0 || s.Not != nil
}

func (d *knownValues) object(schema *huma.Schema) (any, error) {
	if _, err := d.decoder.ReadToken(); err != nil { // {
		return nil, err
	}
	object := map[string]any{}
	for d.decoder.PeekKind() != jsontext.KindEndObject {
		token, err := d.decoder.ReadToken()
		if err != nil {
			return nil, err
		}
		name := token.String()
		member, known := memberSchema(schema, name)
		if !known {
			if err := d.decoder.SkipValue(); err != nil {
				return nil, err
			}
			continue
		}
		if object[name], err = d.value(member); err != nil {
			return nil, err
		}
	}
	_, err := d.decoder.ReadToken() // }
	return object, err
}

// memberSchema returns the schema of the member of an object, and whether there is
// one.
func memberSchema(object *huma.Schema, name string) (schema *huma.Schema, known bool) {
	if object == nil {
		return nil, true
	}
	if schema, known = object.Properties[name]; !known {
		schema, known = object.AdditionalProperties.(*huma.Schema)
	}
	return schema, known
}

// array decodes a list up to one item more than it may have.
func (d *knownValues) array(schema *huma.Schema) (any, error) {
	if _, err := d.decoder.ReadToken(); err != nil { // [
		return nil, err
	}
	var items *huma.Schema
	most := maxValues
	if schema != nil {
		items = schema.Items
		if schema.MaxItems != nil {
			most = *schema.MaxItems
		}
	}
	list := []any{}
	for d.decoder.PeekKind() != jsontext.KindEndArray {
		if len(list) > most {
			if err := d.decoder.SkipValue(); err != nil {
				return nil, err
			}
			continue
		}
		item, err := d.value(items)
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	_, err := d.decoder.ReadToken() // ]
	return list, err
}

// cut is the beginning of the JSON of a value that is too long to be quoted.
type cut string

// beginning returns a copy of the JSON of a value or, if it is too long to be
// quoted, its beginning.
func beginning(raw []byte) any {
	if len(raw) <= maxInputBytes {
		return json.RawMessage(slices.Clone(raw))
	}
	return cutOff(raw)
}
