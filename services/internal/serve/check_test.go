package serve

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestCheckURLs(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	late := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ready at last\n"))
	}))
	t.Cleanup(late.Close)
	never := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no store", http.StatusServiceUnavailable)
	}))
	t.Cleanup(never.Close)

	var out strings.Builder
	want := "ok " + late.URL + " ready at last\n"
	if err := CheckURLs(t.Context(), []string{late.URL}, &out); err != nil || out.String() != want {
		t.Errorf("a URL that comes up: %v, %q", err, out.String())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := CheckURLs(ctx, []string{never.URL}, &out); err == nil || !strings.Contains(err.Error(), never.URL) {
		t.Errorf("a URL that stays down: %v; want an error that names it", err)
	}
	if err := CheckURLs(t.Context(), nil, &out); err == nil {
		t.Error("no URLs: no error")
	}
}
