// Package page has the page of the chat service, as `make page` makes it of the sources in
// src, and serves it. It knows neither Gin nor the rest of the service.
package page

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// embedded has the page in dist, and what a program that was built without it shows.
//
//go:embed all:dist fallback.html
var embedded embed.FS

const (
	indexName    = "index.html"
	fallbackName = "fallback.html"
)

// policy lets the page load nothing that does not come from the service, and run nothing
// that is not a file of it. With trusted types, only DOMPurify makes HTML of text.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types dompurify"

// Page is the page with all its files.
type Page struct{ files map[string]file }

// New returns the embedded page. Without a page, Page has one that says how to get it.
func New() (*Page, error) {
	dist, err := fs.Sub(embedded, "dist")
	if err != nil {
		return nil, fmt.Errorf("reading the page: %w", err)
	}
	return orFallback(dist)
}

// orFallback returns the page in a directory or, if there is none, the one that says how
// to get it.
func orFallback(dist fs.FS) (*Page, error) {
	p, err := from(dist)
	if err != nil {
		return nil, err
	}
	if _, made := p.files[indexName]; !made {
		fallback, err := fs.ReadFile(embedded, fallbackName)
		if err != nil {
			return nil, fmt.Errorf("reading the page: %w", err)
		}
		p.files[indexName] = plainFile(fallback)
	}
	return p, nil
}

// from returns the page in a directory. NAME.gz is NAME compressed, and other files are
// not part of the page.
func from(dist fs.FS) (*Page, error) {
	entries, err := fs.ReadDir(dist, ".")
	if err != nil {
		return nil, fmt.Errorf("reading the page: %w", err)
	}
	p := &Page{files: map[string]file{}}
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), zipped)
		if !ok {
			continue
		}
		compressed, err := fs.ReadFile(dist, entry.Name())
		if err != nil {
			return nil, fmt.Errorf("reading the page: %w", err)
		}
		p.files[name] = newFile(compressed)
	}
	return p, nil
}

// Names lists the files of the page.
func (p *Page) Names() []string { return slices.Sorted(maps.Keys(p.files)) }

// ServeIndex answers with the page itself.
func (p *Page) ServeIndex(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cache-Control", "no-cache") // ask each time, and get a 304
	p.serve(w, r, indexName)
}

// ServeFile answers with a file that the page refers to, and reports whether there is one.
// A browser may keep it for ever if its name has the digest of its content.
func (p *Page) ServeFile(w http.ResponseWriter, r *http.Request, name string) bool {
	if _, ok := p.files[name]; !ok || name == indexName {
		return false
	}
	w.Header().Set("Cache-Control", "no-cache")
	if strings.Contains(name, "-") {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	p.serve(w, r, name)
	return true
}

func (p *Page) serve(w http.ResponseWriter, r *http.Request, name string) {
	content, coding, etag, err := p.files[name].choose(r.Header.Get("Accept-Encoding"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", contentType(name))
	header.Set("X-Content-Type-Options", "nosniff")
	header.Add("Vary", "Accept-Encoding")
	header.Set("ETag", etag)
	if coding != "" {
		header.Set("Content-Encoding", coding)
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
}

// contentType returns the type of a file. Package mime would also ask the machine.
func contentType(name string) string {
	switch extension := path.Ext(name); extension {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".txt":
		return "text/plain; charset=utf-8"
	default:
		return mime.TypeByExtension(extension)
	}
}
