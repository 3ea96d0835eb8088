package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const charts = "../../../charts"

func TestSchemasAreUpToDate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, chart := range []string{"service-templates", "chat", "analytics", "daca"} {
		copySource(t, chart, dir)
	}
	if err := run(dir); err != nil {
		t.Fatal(err)
	}
	for _, chart := range []string{"chat", "analytics", "daca"} {
		name := filepath.Join(chart, "values.schema.json")
		if text(t, filepath.Join(dir, name)) != text(t, filepath.Join(charts, name)) {
			t.Errorf("charts/%s is not what values.schema.yaml says; make schemas writes it", name)
		}
	}
}

func TestSourcesThatContradictEachOther(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	copySource(t, "service-templates", dir)
	write(t, filepath.Join(dir, "chat/values.schema.yaml"), "properties: {replicaCount: {minimum: 1}}")
	_, err := schema(dir, "chat")
	if err == nil || !strings.Contains(err.Error(), "/properties/replicaCount/minimum is also in service-templates") {
		t.Errorf("error %v", err)
	}
}

func TestCloseObjects(t *testing.T) {
	t.Parallel()
	const open = `
properties:
  list:
    type: array
    items: {properties: {a: {type: string}}}
  map: {type: object, additionalProperties: {type: string}}
$defs:
  image: {properties: {tag: {type: string}}}
`
	dir := t.TempDir()
	write(t, filepath.Join(dir, "values.schema.yaml"), open)
	got, err := read(dir)
	if err != nil {
		t.Fatal(err)
	}
	closeObjects(got)
	properties := child(t, got, "properties")
	for name, object := range map[string]map[string]any{
		"the chart":  got,
		"list/items": child(t, child(t, properties, "list"), "items"),
		"image":      child(t, child(t, got, "$defs"), "image"),
	} {
		if object["type"] != "object" || object["additionalProperties"] != false {
			t.Errorf("%s is %v", name, object)
		}
	}
	if unlisted := child(t, properties, "map"); !maps.Equal(
		child(t, unlisted, "additionalProperties"), map[string]any{"type": "string"}) {
		t.Errorf("map is %v", unlisted)
	}
}

// child returns the object that another one has under the name.
func child(t *testing.T, object map[string]any, name string) map[string]any {
	t.Helper()
	c, ok := object[name].(map[string]any)
	if !ok {
		t.Fatalf("%s of %v is no object", name, object)
	}
	return c
}

func copySource(t *testing.T, chart, dir string) {
	t.Helper()
	name := filepath.Join(chart, "values.schema.yaml")
	write(t, filepath.Join(dir, name), text(t, filepath.Join(charts, name)))
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func text(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
