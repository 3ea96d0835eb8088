package main

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"strings"
	"time"
)

// serve makes and serves the page for each visit, until ctx ends. All other requests go
// to the chat service.
func serve(ctx context.Context, address, chat string, page sources, say func(string)) error {
	target, err := url.Parse(chat)
	if err != nil {
		return fmt.Errorf("the address of the chat service: %w", err)
	}
	rest := httputil.NewSingleHostReverseProxy(target)
	rest.FlushInterval = -1 // streams
	server := &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			isIndex := r.URL.Path == "/" && strings.Contains(r.Header.Get("Accept"), "text/html")
			if !isIndex && (path.Dir(r.URL.Path) != "/page" || path.Ext(r.URL.Path) == "") {
				rest.ServeHTTP(w, r)
				return
			}
			name := "index.html"
			if !isIndex {
				name = path.Base(r.URL.Path)
			}
			files, err := page.bundle()
			if err != nil {
				say(err.Error())
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			content, found := files[name]
			if !found { // the sources have changed since the page was loaded
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
			_, _ = w.Write(content)
		}),
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("serving the page: %w", err)
	}
	say("the page is at http://" + address + ", in front of " + chat)
	stopped := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stopped()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the page: %w", err)
	}
	return nil
}
