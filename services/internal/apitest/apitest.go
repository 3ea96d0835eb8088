// Package apitest is for tests of HTTP APIs: it sends requests, compares the answers
// and waits for what happens later.
package apitest

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// API is the whole HTTP surface of a service.
type API struct{ http.Handler }

// Send sends a request to the target. A body that is not empty is declared as JSON.
// Headers are names and values in turn; they replace others of the same name.
func (a API) Send(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequestWithContext(context.Background(), method, target, strings.NewReader(body))
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	a.ServeHTTP(rec, req)
	return rec
}

// Expect sends a request and fails the test unless the answer has the status and
// the body.
func (a API) Expect(
	t *testing.T, method, target, body string, status int, want string, headers ...string,
) {
	t.Helper()
	rec := a.Send(method, target, body, headers...)
	if got := strings.TrimSpace(rec.Body.String()); rec.Code != status || got != want {
		t.Errorf("%s %.200s %.200s answers %d\n got %s\nwant %d\n     %s",
			method, target, body, rec.Code, got, status, want)
	}
}

// ExpectProblem sends a request and fails the test unless the answer has the status
// and a detail that contains want. It returns the answer.
func (a API) ExpectProblem(
	t *testing.T, method, target, body string, status int, want string, headers ...string,
) *httptest.ResponseRecorder {
	t.Helper()
	rec := a.Send(method, target, body, headers...)
	var answer struct{ Detail json.RawMessage }
	err := json.Unmarshal(rec.Body.Bytes(), &answer)
	if err != nil || rec.Code != status || !strings.Contains(string(answer.Detail), want) {
		t.Errorf("%s %.80s %.80s answers %d %.300s; want %d and a detail that contains %s",
			method, target, body, rec.Code, rec.Body, status, want)
	}
	return rec
}

// Golden fails the test unless got, which is JSON, has the content of testdata/name
// when it is indented. With UPDATE_GOLDEN=1 in the environment it writes the file
// instead.
func Golden(t *testing.T, name string, got []byte) {
	t.Helper()
	var indented bytes.Buffer
	if err := json.Indent(&indented, got, "", "  "); err != nil {
		t.Fatalf("%s: not JSON: %v: %.200s", name, err, got)
	}
	indented.WriteByte('\n')
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, indented.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; UPDATE_GOLDEN=1 writes it", err)
	}
	if diff := cmp.Diff(string(want), indented.String()); diff != "" {
		t.Errorf("%s changed (-reviewed +got); UPDATE_GOLDEN=1 accepts it:\n%s", path, diff)
	}
}
