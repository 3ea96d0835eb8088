package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestRequests(t *testing.T) {
	t.Parallel()
	for args, want := range map[string][]string{
		"--root /r create --bundle /b --pid-file /p id": {"/b/config.json"},
		"run -b /b id":                     {"/b/config.json"},
		"create --bundle=/b id":            {"/b/config.json"},
		"exec --process /tmp/p --detach c": {"/tmp/p"},
		"exec -p /tmp/p c":                 {"/tmp/p"},
		"kill id 9":                        nil,
		"create --bundle":                  nil,
	} {
		if got := requests(strings.Fields(args)); !slices.Equal(got, want) {
			t.Errorf("runc %s: got %q, want %q", args, got, want)
		}
	}
}

func TestWithhold(t *testing.T) {
	t.Parallel()
	const sets = `"capabilities":{"bounding":["CAP_CHOWN","CAP_SYS_RESOURCE"],"effective":["CAP_SYS_RESOURCE"]}`
	for name, content := range map[string]string{
		"of a container": `{"ociVersion":"1.0.2","process":{"args":["sh"],` + sets + `},"big":9007199254740993}`,
		"of a process":   `{"args":["sh"],` + sets + `,"big":9007199254740993}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "config.json")
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := withhold(file, "CAP_SYS_RESOURCE"); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.NewReplacer(`,"CAP_SYS_RESOURCE"`, "", `"CAP_SYS_RESOURCE"`, "").Replace(content)
			if string(got) != sorted(t, want) {
				t.Errorf("got  %s\nwant %s", got, sorted(t, want))
			}
		})
	}
}

// sorted returns the document as it is written after it was read.
func sorted(t *testing.T, document string) string {
	t.Helper()
	var content map[string]any
	decoder := json.NewDecoder(strings.NewReader(document))
	decoder.UseNumber()
	if err := decoder.Decode(&content); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
