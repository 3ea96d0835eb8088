package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// The names by which this program is a subscriber without any work.
const (
	noopProgram      = "noop"
	analyticsProgram = "analytics" // so that the service's own sidecar delivers to it
)

// serveNoop answers every request, and accepts every event, until ctx ends.
func serveNoop(ctx context.Context, host, port string) error {
	server := &http.Server{
		Addr:              net.JoinHostPort(host, port),
		Handler:           http.HandlerFunc(answerNoop),
		ReadHeaderTimeout: time.Minute,
	}
	ended := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer ended()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func answerNoop(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/dapr/") { // what Dapr asks an app at the start
		w.WriteHeader(http.StatusNotFound)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(accept(body))
}

// accept answers a delivery of one event or of a batch. It finds the ids of a batch
// without decoding it, as the least that a subscriber can do.
func accept(body []byte) []byte {
	entryID := []byte(`"entryId":"`)
	var answer bytes.Buffer
	for {
		_, rest, found := bytes.Cut(body, entryID)
		if !found {
			break
		}
		id, rest, _ := bytes.Cut(rest, []byte(`"`))
		if answer.Len() == 0 {
			answer.WriteString(`{"statuses":[`)
		} else {
			answer.WriteByte(',')
		}
		answer.WriteString(`{"entryId":"`)
		answer.Write(id)
		answer.WriteString(`","status":"SUCCESS"}`)
		body = rest
	}
	if answer.Len() == 0 {
		return []byte(`{"status":"SUCCESS"}`)
	}
	answer.WriteString("]}")
	return answer.Bytes()
}
