package page

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// made returns a small page.
func made(t *testing.T) *Page {
	t.Helper()
	p, err := from(fstest.MapFS{
		".gitignore":       {Data: []byte("*")},
		"index.html.gz":    {Data: zip(t, "<!doctype html>")},
		"main-1a2b.js.gz":  {Data: zip(t, "1")},
		"licenses.txt.gz":  {Data: zip(t, "MIT")},
		"main-3c4d.css.gz": {Data: zip(t, "a{}")},
		"icon-5e6f.svg.gz": {Data: zip(t, "<svg/>")},
		"left-over.js":     {Data: []byte("of an earlier build")},
		"broken.js.gz":     {Data: []byte("not compressed")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func zip(t *testing.T, content string) []byte {
	t.Helper()
	var compressed bytes.Buffer
	writer := gzip.NewWriter(&compressed)
	if _, err := io.WriteString(writer, content); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return compressed.Bytes()
}

func TestIndexInEachCoding(t *testing.T) {
	t.Parallel()
	p := made(t)
	etags := map[string]string{}
	for accept, coding := range map[string]string{
		"":                        "",
		"gzip":                    "gzip",
		"gzip, deflate, br, zstd": "gzip",
		"br;q=0, GZIP ; q=0.5":    "gzip",
		"gzip;q=0":                "",
		"gzip;q=no":               "",
		"br":                      "",
		"compress, identity":      "",
	} {
		want := map[string]string{"": "<!doctype html>", "gzip": string(zip(t, "<!doctype html>"))}[coding]
		for range 2 {
			got := get(t, p.ServeIndex, "Accept-Encoding", accept)
			if got.Header().Get("Content-Encoding") != coding || got.Body.String() != want {
				t.Errorf("with Accept-Encoding %q: %q in %q, want %q in %q", accept,
					got.Body, got.Header().Get("Content-Encoding"), want, coding)
			}
			etags[got.Header().Get("ETag")] = coding
		}
	}
	if len(etags) != 2 {
		t.Errorf("the two codings have the ETags %v", etags)
	}
}

func TestABrokenFile(t *testing.T) {
	t.Parallel()
	got := get(t, func(w http.ResponseWriter, r *http.Request) { made(t).ServeFile(w, r, "broken.js") })
	if got.Code != http.StatusInternalServerError {
		t.Errorf("%d %s, want 500", got.Code, got.Body)
	}
}

func TestHeadersOfTheIndex(t *testing.T) {
	t.Parallel()
	got := get(t, made(t).ServeIndex, "Accept-Encoding", "gzip")
	for name, want := range map[string]string{
		"Content-Type":               "text/html; charset=utf-8",
		"Content-Security-Policy":    policy,
		"X-Content-Type-Options":     "nosniff",
		"Referrer-Policy":            "no-referrer",
		"Cross-Origin-Opener-Policy": "same-origin",
		"Cache-Control":              "no-cache",
		"Vary":                       "Accept-Encoding",
	} {
		if got.Header().Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.Header().Get(name), want)
		}
	}
	again := get(t, made(t).ServeIndex, "Accept-Encoding", "gzip", "If-None-Match", got.Header().Get("ETag"))
	if again.Code != http.StatusNotModified || again.Body.Len() > 0 {
		t.Errorf("with the ETag: %d %q, want 304", again.Code, again.Body)
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	p := made(t)
	const forever = "public, max-age=31536000, immutable"
	for name, want := range map[string][2]string{
		"main-1a2b.js":  {"text/javascript; charset=utf-8", forever},
		"main-3c4d.css": {"text/css; charset=utf-8", forever},
		"icon-5e6f.svg": {"image/svg+xml", forever},
		"licenses.txt":  {"text/plain; charset=utf-8", "no-cache"},
	} {
		got := get(t, func(w http.ResponseWriter, r *http.Request) {
			if !p.ServeFile(w, r, name) {
				t.Errorf("there is no %s", name)
			}
		})
		if got.Header().Get("Content-Type") != want[0] || got.Header().Get("Cache-Control") != want[1] {
			t.Errorf("%s: %v, want %q", name, got.Header(), want)
		}
	}
	for _, name := range []string{
		"index.html", "main.js", "", ".gitignore", "../page.go", "left-over.js", "licenses.txt.gz",
	} {
		if p.ServeFile(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody), name) {
			t.Errorf("there is a file %q", name)
		}
	}
}

func TestWithoutThePage(t *testing.T) {
	t.Parallel()
	p, err := orFallback(fstest.MapFS{".gitignore": {Data: []byte("*")}})
	if err != nil {
		t.Fatal(err)
	}
	got := get(t, p.ServeIndex, "Accept-Encoding", "gzip").Body.String()
	if !strings.Contains(got, "make page") || strings.Contains(got, "<style") {
		t.Errorf("%.200s; want how to get the page, within its policy", got)
	}
}

// mostBytes is what a visit may transfer, in gzip's coding.
const mostBytes = 80_000

// TestTheRealPage checks what `make page` has written.
func TestTheRealPage(t *testing.T) {
	t.Parallel()
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Names()) == 1 {
		if os.Getenv("CI") != "" {
			t.Fatal("CI has to make the page first")
		}
		t.Skip("there is no page; `make page` makes it")
	}
	transferred, index := 0, ""
	for _, name := range p.Names() {
		text, err := p.files[name].plain()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if name != "licenses.txt" { // which only those load who want to read it
			t.Logf("%s: %d bytes, %d by gzip", name, len(text), len(p.files[name].bytes))
			transferred += len(p.files[name].bytes)
		}
		if name == indexName {
			index = string(text)
		}
	}
	if transferred > mostBytes {
		t.Errorf("a visit transfers %d bytes, want at most %d", transferred, mostBytes)
	}
	for _, forbidden := range []string{"<style", "style=", "onload=", "<script>", "//"} {
		if strings.Contains(index, forbidden) {
			t.Errorf("index.html has %q, which its policy forbids", forbidden)
		}
	}
}

func get(t *testing.T, serve http.HandlerFunc, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	serve(recorder, request)
	return recorder
}
