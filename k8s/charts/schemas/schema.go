package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

// schema returns values.schema.json of a chart in dir: one line of JSON Schema.
// All charts have the $defs of service-templates, and the charts of a service its
// properties too.
func schema(dir, chart string) ([]byte, error) {
	shared, err := read(filepath.Join(dir, "service-templates"))
	if err != nil {
		return nil, err
	}
	if chart == "daca" {
		delete(shared, "properties")
	}
	own, err := read(filepath.Join(dir, chart))
	if err != nil {
		return nil, err
	}
	if err := merge(shared, own, ""); err != nil {
		return nil, err
	}
	closeObjects(shared)
	shared["$schema"] = "http://json-schema.org/draft-07/schema#"
	shared["$comment"] = "Written by make schemas from values.schema.yaml."
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(shared); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// read returns values.schema.yaml of the chart in dir.
func read(dir string) (map[string]any, error) {
	name := filepath.Join(dir, "values.schema.yaml")
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var source map[string]any
	if err := yaml.UnmarshalStrict(text, &source); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return source, nil
}

// merge adds to the shared part what a chart's own part has below the same names.
// It is an error if both say something of one value, which is named by its path.
func merge(shared, own map[string]any, path string) error {
	for name, value := range own {
		there, taken := shared[name]
		if !taken {
			shared[name] = value
			continue
		}
		into, ok := there.(map[string]any)
		from, ok2 := value.(map[string]any)
		if !ok || !ok2 {
			return fmt.Errorf("%s/%s is also in service-templates", path, name)
		}
		if err := merge(into, from, path+"/"+name); err != nil {
			return err
		}
	}
	return nil
}

// closeObjects makes each schema that lists properties one of an object that has no
// others, so that Helm refuses a value whose name is wrong.
func closeObjects(schema map[string]any) {
	if _, lists := schema["properties"]; lists {
		schema["type"] = "object"
		schema["additionalProperties"] = false
	}
	if items, ok := schema["items"].(map[string]any); ok {
		closeObjects(items)
	}
	for _, of := range []string{"properties", "$defs"} {
		named, _ := schema[of].(map[string]any)
		for _, s := range named {
			if s, ok := s.(map[string]any); ok {
				closeObjects(s)
			}
		}
	}
}
