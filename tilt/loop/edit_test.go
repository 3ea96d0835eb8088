package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestEdits(t *testing.T) {
	t.Parallel()
	for _, e := range edits(addresses{}) {
		text := read(t, filepath.Join("../..", e.file))
		if got := strings.Count(text, e.text); got != 1 {
			t.Errorf("%s has %q %d times; it is needed once", e.file, e.text, got)
		}
	}
}

func TestMeasure(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	path := filepath.Join(root, "a.go")
	write(t, path, `const text = "Hello"`)
	// Shows the file as it was a moment ago.
	const delay = 50 * time.Millisecond
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info, err := os.Stat(path)
		if err != nil || time.Since(info.ModTime()) < delay {
			http.Error(w, "starting", http.StatusServiceUnavailable)
			return
		}
		http.ServeFile(w, r, path)
	}))
	defer server.Close()
	e := edit{"a", "a.go", "Hello", []string{server.URL}}

	for round := 1; round <= 2; round++ {
		took, err := e.measure(t.Context(), root, round)
		if err != nil || took < delay {
			t.Errorf("round %d took %s, %v", round, took, err)
		}
	}
	if got := read(t, path); got != `const text = "Hello (edit 2)"` {
		t.Errorf("the file is %q", got)
	}
	if _, err := e.measure(t.Context(), root, 2); err == nil {
		t.Error("no error when the text is not there")
	}

	e.urls = []string{"http://127.0.0.1:1"}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := e.measure(ctx, root, 3); err == nil {
		t.Error("no error when it is never served")
	}
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		switch {
		case r.Method == http.MethodPost && asked == 1:
			http.Error(w, "no sidecar yet", http.StatusServiceUnavailable)
		case r.Method == http.MethodPost && r.Header.Get("Idempotency-Key") == "":
			t.Error("a message that may be sent twice has no key")
		case r.Method == http.MethodGet:
			_, _ = fmt.Fprintf(w, `{"message_count":%d}`, min(asked-3, 1))
		}
	}))
	defer server.Close()
	var out strings.Builder
	if err := answer(t.Context(), addresses{chat: server.URL, analytics: server.URL}, &out); err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), "counts") {
		t.Errorf("it says %q", out.String())
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := run(t.Context(), []string{"what"}, &out); err == nil || !strings.Contains(out.String(), "usage") {
		t.Errorf("got %v, %q", err, out.String())
	}
}
