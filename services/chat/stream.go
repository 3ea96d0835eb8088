package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/tmaxmax/go-sse"

	"daca/services/chat/runs"
	"daca/services/internal/contract"
	"daca/services/internal/fastapi"
	"daca/services/internal/plainjson"
	"daca/services/internal/serve"
	"daca/services/internal/state"
)

// heartbeat is how long a stream may be silent. Proxies cut connections that are silent
// for a minute or less.
const heartbeat = 10 * time.Second

// streams answers messages in streams, which are views of runs: a run goes on without
// them.
type streams struct {
	chat   *chat
	runs   *runs.Manager
	keys   *keys
	logger *slog.Logger
}

func newStreams(cfg config, c *chat, store state.Store, metrics prometheus.Registerer) *streams {
	s := &streams{chat: c, keys: &keys{store: store, budget: cfg.PublishBudget}, logger: c.logger}
	s.runs = runs.New(runs.Config{
		Store: store, Longest: cfg.longestAnswer(), Settle: s.settle,
		MaxRuns: cfg.MaxRuns, MaxFollowers: cfg.MaxFollowers, Logger: c.logger, Metrics: metrics,
	})
	return s
}

// closeInTime returns a function that closes the runs. It gives them what is left of the
// time for requests in flight since ctx ended: runs that nobody follows are no requests.
func closeInTime(ctx context.Context, cfg serve.Config, closeRuns func(context.Context)) func() {
	stopped := make(chan time.Time, 1)
	release := context.AfterFunc(ctx, func() { stopped <- time.Now() })
	return func() {
		at := time.Now()
		if !release() {
			at = <-stopped
		}
		closing, cancel := context.WithDeadline(context.WithoutCancel(ctx), at.Add(cfg.ShutdownDelay+cfg.ShutdownGrace))
		defer cancel()
		closeRuns(closing)
	}
}

// runStarted is the data of the first event of a stream. It has a cursor like all events,
// of the beginning.
type runStarted struct {
	RunID     string `json:"run_id" doc:"Whoever knows it may follow and stop the run."`
	SessionID string `json:"session_id"`
}

const (
	runEvent  = "run"
	beginning = "1.0.0"
)

// post begins to answer a message, and streams the answer. The stream of a repetition is
// another view of the run that answers the first request with the Idempotency-Key.
func (s *streams) post(ctx context.Context, in *chatInput) (*huma.StreamResponse, error) {
	m, holds, err := s.admit(ctx, in)
	if err != nil {
		return nil, err
	}
	if holds != nil && holds.RunID != m.run {
		return s.view(ctx, holds)
	}
	f, err := s.start(ctx, m)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return s.response(f, true, false), nil
}

// response streams what the follower gets, to the end of the run. A run is replayed if
// another request with the same Idempotency-Key has started it.
func (s *streams) response(f *runs.Follower, fromBeginning, replayed bool) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		defer f.Close()
		out := &eventWriter{to: humagin.Unwrap(ctx).Writer}
		if replayed {
			ctx.SetHeader("Idempotency-Replayed", "true")
		}
		beginEvents(out.to)
		out.comment("the answer follows") // whoever waits for a first byte gets it at once
		if fromBeginning {
			out.event(runEvent, beginning, runStarted{f.Info.ID, f.Info.SessionID})
		}
		if err := s.copy(ctx.Context(), out, f); err != nil {
			s.logger.DebugContext(ctx.Context(), "a stream ends before its run", "run_id", f.Info.ID, "error", err)
		}
	}}
}

// copy writes events as they come, and comments while there are none.
func (s *streams) copy(ctx context.Context, out *eventWriter, f *runs.Follower) error {
	for {
		if err := out.flush(); err != nil {
			return err
		}
		waiting, cancel := context.WithTimeout(ctx, heartbeat)
		events, err := f.Next(waiting)
		cancel()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			out.comment("still there")
		case err != nil:
			return err
		}
		for _, e := range events {
			if e.Kind == runs.Token {
				out.event(string(e.Kind), e.After.String(), tokenData{e.Text})
			} else {
				out.event(string(e.Kind), e.After.String(), e.Data)
			}
		}
	}
}

// beginEvents sends the headers of a stream of server-sent events.
func beginEvents(w http.ResponseWriter) {
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // nginx would collect the events
	w.WriteHeader(http.StatusOK)
}

// eventWriter writes server-sent events to a client, all that are there at once.
type eventWriter struct {
	to     http.ResponseWriter
	buffer bytes.Buffer
	err    error
}

// event writes an event, with an id unless that is empty.
func (w *eventWriter) event(name, id string, data any) {
	encoded, err := plainjson.Marshal(data)
	if err != nil {
		w.err = errors.Join(w.err, err)
		return
	}
	m := &sse.Message{Type: sse.Type(name)}
	if id != "" {
		m.ID = sse.ID(id)
	}
	m.AppendData(string(encoded))
	w.write(m)
}

func (w *eventWriter) comment(text string) {
	m := &sse.Message{}
	m.AppendComment(text)
	w.write(m)
}

func (w *eventWriter) write(m *sse.Message) {
	_, err := m.WriteTo(&w.buffer)
	w.err = errors.Join(w.err, err)
}

// flush sends what was written. A client that takes nothing for a while is given up, see
// serve.Run.
func (w *eventWriter) flush() error {
	if w.err != nil {
		return w.err
	}
	if _, err := w.buffer.WriteTo(w.to); err != nil {
		return err
	}
	return http.NewResponseController(w.to).Flush()
}

// refusal is the answer to a request for which there is no stream.
func (s *streams) refusal(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, runs.ErrUnknown):
		return fastapi.NewError(http.StatusNotFound, "Run not found")
	case errors.Is(err, runs.ErrBusy):
		return retryLater(defaultRetryAfter, "There are too many streams, or too many answers in progress. Try again later.")
	case errors.Is(err, runs.ErrUnavailable):
		s.logger.ErrorContext(ctx, "a run cannot be read", "dependency", contract.StateStore, "error", err)
		return retryLater(defaultRetryAfter, "The state store is unreachable. Try again later.")
	}
	return err
}
