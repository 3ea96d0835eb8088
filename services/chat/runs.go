package main

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"daca/services/chat/runs"
	"daca/services/internal/contract"
	"daca/services/internal/fastapi"
)

type runInput struct {
	RunID string `path:"run_id" maxLength:"64"`
}

type runOutput struct {
	Body struct {
		RunID     string          `json:"run_id"`
		Status    string          `json:"status" enum:"running,answered,stopped,failed"`
		UserID    contract.UserID `json:"user_id"`
		SessionID string          `json:"session_id"`
		Started   time.Time       `json:"started"`
		Ended     *time.Time      `json:"ended,omitempty"`
		Last      *lastEvent      `json:"last,omitempty" doc:"The last event, when the run has ended."`
	}
}

type lastEvent struct {
	Event string          `json:"event" enum:"message,stopped,error"`
	Data  json.RawMessage `json:"data" doc:"As in the stream."`
}

// statusOf returns the state of a run as clients know it. For them it runs until they can
// have its answer.
func statusOf(state runs.State) string {
	if state.Final() {
		return string(state)
	}
	return string(runs.Running)
}

// get says what has become of a run.
func (s *streams) get(ctx context.Context, in *runInput) (*runOutput, error) {
	info, err := s.runs.Get(ctx, in.RunID)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	out := &runOutput{}
	out.Body.RunID = info.ID
	out.Body.Status = statusOf(info.State)
	out.Body.UserID = contract.UserID(info.UserID)
	out.Body.SessionID = info.SessionID
	out.Body.Started = info.Started
	if info.State.Final() {
		out.Body.Ended = &info.Ended
		out.Body.Last = &lastEvent{string(info.Last.Kind), info.Last.Data}
	}
	return out, nil
}

type stopOutput struct {
	Body struct {
		RunID  string `json:"run_id"`
		Status string `json:"status" enum:"stopping,answered,stopped,failed" doc:"stopping: the last event of the run will follow within a second or so."`
	}
}

// stop stops a run. One that has ended stays as it is.
func (s *streams) stop(ctx context.Context, in *runInput) (*stopOutput, error) {
	info, err := s.runs.Stop(ctx, in.RunID)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	out := &stopOutput{}
	out.Body.RunID = info.ID
	out.Body.Status = "stopping"
	if info.State.Final() {
		out.Body.Status = statusOf(info.State)
	}
	return out, nil
}

type eventsInput struct {
	RunID       string `path:"run_id" maxLength:"64"`
	After       string `query:"after" maxLength:"64" doc:"The id of the last event that was read. Without one, the stream begins with the first event."`
	LastEventID string `header:"Last-Event-ID" maxLength:"64" doc:"The same, as browsers send it when they connect again. It comes before after."`
}

// events streams what comes after a cursor. After the last event there is nothing more,
// which 204 tells to browsers: they would connect again and again.
func (s *streams) events(ctx context.Context, in *eventsInput) (*huma.StreamResponse, error) {
	place, given := []any{"query", "after"}, in.After
	if in.LastEventID != "" {
		place, given = []any{"header", "Last-Event-ID"}, in.LastEventID
	}
	after, err := runs.ParseCursor(given)
	if err != nil {
		return nil, fastapi.Unprocessable("value_error", "Input should be the id of an event of this run", given, place...)
	}
	f, err := s.runs.Follow(ctx, in.RunID, after)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	if after.AtEnd() && f.Info.State.Final() {
		f.Close()
		return &huma.StreamResponse{Body: func(ctx huma.Context) { ctx.SetStatus(http.StatusNoContent) }}, nil
	}
	return s.response(f, after.IsZero(), false), nil
}
