package mcpclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// maxMessage is the size of a message of a server, in bytes. A larger one ends the
// connection.
const maxMessage = 4 << 20

// httpClient sends the requests to one server.
type httpClient struct {
	*http.Client
}

func newHTTPClient(cfg Server) *httpClient {
	return &httpClient{&http.Client{
		Transport: &headers{
			set:    cfg.Headers,
			call:   pool(3 * cfg.Timeout), // for the few requests without a deadline of their own
			listen: pool(cfg.Timeout / 4),
		},
		CheckRedirect: sameServer,
	}}
}

// pool returns a transport that waits for the beginning of an answer as long as given.
func pool(patience time.Duration) *http.Transport {
	p := &http.Transport{}
	if standard, ok := http.DefaultTransport.(*http.Transport); ok {
		p = standard.Clone()
	}
	p.ResponseHeaderTimeout = patience
	p.MaxIdleConnsPerHost = 100
	return p
}

// sameServer allows a redirect such as that from /mcp to /mcp/. The headers of the
// configuration must not reach other servers.
func sameServer(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	if len(via) > 3 || req.URL.Scheme != first.Scheme || req.URL.Host != first.Host {
		return http.ErrUseLastResponse
	}
	return nil
}

// headers adds the headers of a configuration to each request, and limits the answers.
type headers struct {
	set    map[string]string
	call   http.RoundTripper
	listen http.RoundTripper // for the stream of what a server says unasked
}

// RoundTrip implements http.RoundTripper.
func (h *headers) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	for name, value := range h.set {
		if req.Header.Get(name) == "" { // those of the protocol stay
			req.Header.Set(name, value)
		}
	}
	if req.Method == http.MethodGet {
		return h.follow(req)
	}
	res, err := h.call.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	res.Body = &limited{ReadCloser: res.Body, left: maxMessage}
	return res, nil
}

// follow asks for the stream of what a server says unasked. A server need not have one,
// and nothing depends on it: one that does not answer is taken for one without.
func (h *headers) follow(req *http.Request) (*http.Response, error) {
	res, err := h.listen.RoundTrip(req)
	if err == nil || errors.Is(req.Context().Err(), context.Canceled) {
		return res, err
	}
	return &http.Response{
		Status: http.StatusText(http.StatusMethodNotAllowed), StatusCode: http.StatusMethodNotAllowed,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody, Request: req,
	}, nil
}

// limited is a body that fails when it is too long.
type limited struct {
	io.ReadCloser
	left int
}

func (l *limited) Read(b []byte) (int, error) {
	n, err := l.ReadCloser.Read(b)
	if l.left -= n; l.left < 0 {
		return 0, fmt.Errorf("the answer has more than %d bytes", maxMessage)
	}
	return n, err
}
