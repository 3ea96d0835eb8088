package page

import (
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
		".gitignore":     {Data: []byte("*")},
		"index.html":     {Data: []byte("<!doctype html>plain")},
		"index.html.gz":  {Data: []byte("zipped")},
		"index.html.br":  {Data: []byte("smallest")},
		"main-1a2b.js":   {Data: []byte("1")},
		"licenses.txt":   {Data: []byte("MIT")},
		"main-3c4d.css":  {Data: []byte("a{}")},
		"icon-5e6f.svg":  {Data: []byte("<svg/>")},
		"icon-5e6f.x.gz": {Data: []byte("only zipped")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestIndexInEachCoding(t *testing.T) {
	t.Parallel()
	p := made(t)
	etags := map[string]bool{}
	for accept, want := range map[string][2]string{
		"":                        {"", "<!doctype html>plain"},
		"gzip":                    {"gzip", "zipped"},
		"gzip, deflate, br, zstd": {"br", "smallest"},
		"br;q=0, GZIP ; q=0.5":    {"gzip", "zipped"},
		"br;q=no":                 {"", "<!doctype html>plain"},
		"compress, identity":      {"", "<!doctype html>plain"},
	} {
		got := get(t, p.ServeIndex, "Accept-Encoding", accept)
		if got.Header().Get("Content-Encoding") != want[0] || got.Body.String() != want[1] {
			t.Errorf("with Accept-Encoding %q: %q in %q, want %q", accept,
				got.Body, got.Header().Get("Content-Encoding"), want)
		}
		etags[got.Header().Get("ETag")] = true
	}
	if len(etags) != 3 {
		t.Errorf("the three codings have the ETags %v", etags)
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
	for _, name := range []string{"index.html", "main.js", "", ".gitignore", "../page.go"} {
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
	transferred := 0
	for _, name := range p.Names() {
		coding, zipped := p.files[name].choose("gzip")
		reader, err := gzip.NewReader(zipped.reader())
		if err != nil || coding != "gzip" {
			t.Fatalf("%s is kept in %q: %v", name, coding, err)
		}
		text, err := io.ReadAll(reader)
		if err != nil || string(text) != string(p.files[name][""].bytes) {
			t.Errorf("%s differs in gzip's coding: %v", name, err)
		}
		if name != "licenses.txt" { // which only those load who want to read it
			t.Logf("%s: %d bytes, %d by gzip", name, len(text), len(zipped.bytes))
			transferred += len(zipped.bytes)
		}
	}
	if transferred > mostBytes {
		t.Errorf("a visit transfers %d bytes, want at most %d", transferred, mostBytes)
	}
	index := string(p.files[indexName][""].bytes)
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
