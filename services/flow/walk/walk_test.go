package walk

import (
	"slices"
	"testing"
)

func TestCommands(t *testing.T) {
	t.Parallel()
	const document = "# Title\n\n" +
		"```console\noutput of nothing\n$ first\n$ second  \none\n  two\n```\n" +
		"```sh\n$ not in this language\n```\n" +
		"```console\n$ third ``` with quotes\nthree\n```\n"
	got := Commands(document, "console")
	want := []Command{{Line: "first"}, {Line: "second", Want: "one\ntwo"}, {Line: "third ``` with quotes", Want: "three"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSame(t *testing.T) {
	t.Parallel()
	const shown = `{"at":"2026-01-02T15:04:05.678901Z","id":"0b1f9c1e-6b5d-4c57-9d0e-2a4b6c8d0e1f","n":1}`
	for name, c := range map[string]struct {
		got  string
		want bool
	}{
		"another time and id": {
			`{"at":"2025-11-12T01:02:03Z","id":"11111111-2222-3333-4444-555555555555","n":1}` + "\n", true,
		},
		"another number": {
			`{"at":"2026-01-02T15:04:05.678901Z","id":"0b1f9c1e-6b5d-4c57-9d0e-2a4b6c8d0e1f","n":2}`, false,
		},
		"no id": {`{"at":"2026-01-02T15:04:05.678901Z","id":"","n":1}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if Same(c.got, shown) != c.want {
				t.Errorf("Same(%s) is %v", c.got, !c.want)
			}
		})
	}
}
