package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

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
