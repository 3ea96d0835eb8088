package agent

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// scripted returns an agent whose model gives the answers one after the other, and then
// the last one again. An answer that begins with a digit is a status and a body of JSON,
// one that begins with "{" is such a body, and others are streams.
func scripted(t *testing.T, cfg Config, answers ...string) *fixture {
	t.Helper()
	var s *fixture
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := answers[min(s.asked(t, r), len(answers))-1]
		switch {
		case '0' <= answer[0] && answer[0] <= '9':
			var status int
			_, _ = fmt.Sscan(answer[:3], &status)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			answer = answer[3:]
		case answer[0] == '{':
			w.Header().Set("Content-Type", "application/json")
		default:
			w.Header().Set("Content-Type", "text/event-stream")
		}
		_, _ = w.Write([]byte(answer))
		if strings.HasSuffix(answer, "cut") {
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(server.Close)
	cfg.BaseURL = server.URL + "/v1"
	s = setup(t, cfg)
	return s
}

// events returns a stream of the data.
func events(data ...string) string {
	return "data: " + strings.Join(data, "\n\ndata: ") + "\n\n"
}

// delta returns a chunk of a stream.
func delta(delta string) string { return `{"choices":[{"index":0,"delta":` + delta + `}]}` }

// calls returns a chunk with pieces of tool calls.
func calls(pieces ...string) string {
	return delta(`{"tool_calls":[` + strings.Join(pieces, ",") + `]}`)
}

const (
	stop  = `{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`
	usage = `{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}`
	done  = "[DONE]"
)

// inMemory is a connection to the handler on which time is that of the test.
type inMemory struct{ handler http.Handler }

// RoundTrip returns the answer as soon as its header is there.
func (m inMemory) RoundTrip(req *http.Request) (*http.Response, error) {
	body, sent := io.Pipe()
	w := &pipeWriter{header: http.Header{}, body: sent, begun: make(chan int, 1)}
	context.AfterFunc(req.Context(), func() { _ = sent.CloseWithError(req.Context().Err()) })
	go func() {
		m.handler.ServeHTTP(w, req)
		_ = sent.Close()
	}()
	select {
	case status := <-w.begun:
		return &http.Response{StatusCode: status, Header: w.header, Body: body, Request: req}, nil
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
}

type pipeWriter struct {
	header http.Header
	body   *io.PipeWriter
	begun  chan int
}

func (w *pipeWriter) Header() http.Header         { return w.header }
func (w *pipeWriter) WriteHeader(status int)      { w.begun <- status }
func (w *pipeWriter) Write(b []byte) (int, error) { return w.body.Write(b) }
func (w *pipeWriter) Flush()                      {}
