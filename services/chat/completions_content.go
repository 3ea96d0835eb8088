package main

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// content is what a message says: a text, or a list of parts that are texts.
//
//	"Hello"
//	[{"type": "text", "text": "Hello"}]
type content string

// contentPart is a part of a content. A refusal is what a model said instead of a text.
type contentPart struct {
	Type    string `json:"type" enum:"text,refusal"`
	Text    string `json:"text,omitempty"`
	Refusal string `json:"refusal,omitempty"`
}

// Schema implements huma.SchemaProvider.
func (content) Schema(registry huma.Registry) *huma.Schema {
	return &huma.Schema{
		Description: "A text, or a list of parts of type text.",
		OneOf: []*huma.Schema{
			{Type: huma.TypeString},
			{Type: huma.TypeArray, Items: registry.Schema(reflect.TypeFor[contentPart](), true, "")},
			{Type: "null"},
		},
	}
}

// UnmarshalJSONFrom implements jsonv2.UnmarshalerFrom. The texts of parts are joined.
func (c *content) UnmarshalJSONFrom(decoder *jsontext.Decoder) error {
	*c = ""
	switch kind := decoder.PeekKind(); kind {
	case jsontext.KindNull:
		return decoder.SkipValue()
	case jsontext.KindString:
		return jsonv2.UnmarshalDecode(decoder, (*string)(c))
	case jsontext.KindBeginArray:
		return c.readParts(decoder)
	case 0: // a mistake in the JSON
		return decoder.SkipValue()
	default:
		return errors.New("it is neither a text nor a list of parts")
	}
}

func (c *content) readParts(decoder *jsontext.Decoder) error {
	if _, err := decoder.ReadToken(); err != nil { // [
		return err
	}
	var text strings.Builder
	for decoder.PeekKind() != jsontext.KindEndArray {
		var part contentPart
		if err := jsonv2.UnmarshalDecode(decoder, &part); err != nil {
			return err
		}
		if part.Type != "text" && part.Type != "refusal" {
			return fmt.Errorf("parts of type %.50q are not supported: send text", part.Type)
		}
		text.WriteString(part.Text + part.Refusal)
	}
	*c = content(text.String())
	_, err := decoder.ReadToken() // ]
	return err
}
