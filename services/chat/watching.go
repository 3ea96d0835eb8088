package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"daca/services/chat/activity"
	"daca/services/internal/contract"
	"daca/services/internal/fastapi"
)

// watching handles the routes by which people watch the suite, and care for its dead
// letters.
type watching struct {
	shown   *activity.Activity
	letters letters
	logger  *slog.Logger
}

// letters passes on to analytics what an operator does with dead letters, see daprClient.
type letters interface {
	ReplayLetter(ctx context.Context, id, authorization string) error
	DeleteLetter(ctx context.Context, id, authorization string) error
}

func (c *config) newActivity(analytics activity.Analytics, waiting *spool, logger *slog.Logger) *activity.Activity {
	return activity.New(activity.Config{
		Analytics: analytics, Timeout: c.AnalyticsTimeout, MaxWatchers: c.MaxWatchers, Logger: logger,
		Waiting: func() (n int) {
			for _, topic := range waiting.Topics() {
				n += waiting.Len(topic)
			}
			return n
		},
	})
}

// register adds the routes.
func (w *watching) register(api *fastapi.API) {
	const needs = "With the ADMIN_TOKEN of analytics, if that has one, as Authorization: Bearer …"
	watch := api.Operation("activity", "GET", "/activity", "activity",
		"Watch messages pass through the suite", 401, 422, 503)
	watch.Description = "The user's own messages or, for an operator, all. " + needs
	watch.Responses["200"] = eventStream(api, "Server-sent events, without an end: snapshot, then what happens. "+
		"Comments come in between.", []eventKind{
		{
			name: "snapshot", data: activity.Snapshot{},
			description: "The first event, and one for a reader that was too slow for the others: it replaces all before.",
		},
		{name: "event", description: "A message, or what is new of one.", data: activity.Event{}},
		{name: "update", description: "What has changed besides, once a second at most.", data: activity.Overview{}},
	})
	fastapi.Register(api, watch, w.watch)

	const one = "/deadletters/{id}"
	replay := api.Operation("replay-dead-letter", "POST", one+"/replay", "activity",
		"Publish the event of a dead letter again", 401, 403, 404, 409, 422, 503)
	remove := api.Operation("delete-dead-letter", "DELETE", one, "activity",
		"Forget a dead letter", 401, 403, 404, 422, 503)
	replay.Description, remove.Description = needs, needs
	fastapi.Register(api, replay, w.replay)
	fastapi.Register(api, remove, w.remove)
}

// maxAuthorization is the longest value of a header that is passed on, in bytes.
const maxAuthorization = 4096

// checkAuthorization returns the answer to a value that cannot be an operator's: gRPC would
// not pass it on.
func checkAuthorization(value string) error {
	strange := strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' })
	if strange || len(value) > maxAuthorization {
		return notOperator()
	}
	return nil
}

func notOperator() error {
	e := fastapi.Unauthorized()
	e.Detail = "This is not an operator's token: send the ADMIN_TOKEN of analytics as Authorization: Bearer …"
	return e
}

type activityInput struct {
	UserID        contract.UserID `query:"user_id" required:"true"`
	Authorization string          `header:"Authorization"`
}

// watch streams what happens, until the client leaves or the service stops.
func (w *watching) watch(ctx context.Context, in *activityInput) (*huma.StreamResponse, error) {
	if err := checkAuthorization(in.Authorization); err != nil {
		return nil, err
	}
	watcher, err := w.shown.Watch(ctx, in.UserID, in.Authorization)
	switch {
	case errors.Is(err, activity.ErrRefused):
		return nil, notOperator()
	case err != nil:
		return nil, retryLater(defaultRetryAfter, "Too many watch already, or the service stops. Try again later.")
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		defer watcher.Close()
		out := &eventWriter{to: humagin.Unwrap(ctx).Writer}
		beginEvents(out.to)
		if err := copyNews(ctx.Context(), out, watcher); !errors.Is(err, io.EOF) {
			w.logger.DebugContext(ctx.Context(), "a stream of activity ends", "error", err)
		}
	}}, nil
}

// copyNews writes what happens, and comments while nothing does, until the stream ends. It
// returns why: io.EOF if the service stops.
func copyNews(ctx context.Context, out *eventWriter, watcher *activity.Watcher) error {
	for {
		waiting, cancel := context.WithTimeout(ctx, heartbeat)
		news, err := watcher.Next(waiting)
		cancel()
		switch {
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			out.comment("still there")
		case err != nil:
			return err
		}
		if news.Snapshot != nil {
			out.event("snapshot", "", news.Snapshot)
		}
		for _, e := range news.Events {
			out.event("event", "", e)
		}
		if news.Update != nil {
			out.event("update", "", news.Update)
		}
		if err := out.flush(); err != nil {
			return err
		}
	}
}

type letterInput struct {
	ID            string `path:"id" maxLength:"64" pattern:"^[0-9A-Za-z_-]+$" patternDescription:"the id of a dead letter"`
	Authorization string `header:"Authorization"`
}

type letterOutput struct {
	Body struct {
		Status string `json:"status" enum:"replayed,deleted"`
		ID     string `json:"id"`
	}
}

func (w *watching) replay(ctx context.Context, in *letterInput) (*letterOutput, error) {
	return w.pass(ctx, in, "replayed", w.letters.ReplayLetter)
}

func (w *watching) remove(ctx context.Context, in *letterInput) (*letterOutput, error) {
	return w.pass(ctx, in, "deleted", w.letters.DeleteLetter)
}

// pass passes on to analytics what an operator does with a dead letter. The details of its
// refusals are repeated here, because Dapr cuts them.
func (w *watching) pass(
	ctx context.Context, in *letterInput, done string, do func(ctx context.Context, id, authorization string) error,
) (*letterOutput, error) {
	if err := checkAuthorization(in.Authorization); err != nil {
		return nil, err
	}
	err := do(ctx, in.ID, in.Authorization)
	if err == nil {
		out := &letterOutput{}
		out.Body.Status = done
		out.Body.ID = in.ID
		return out, nil
	}
	var refused refusedError
	errors.As(err, &refused)
	switch refused.status {
	case http.StatusUnauthorized:
		return nil, notOperator()
	case http.StatusNotFound:
		return nil, fastapi.NewError(http.StatusNotFound, "Dead letter not found")
	case http.StatusConflict:
		return nil, fastapi.NewError(http.StatusConflict,
			"The event cannot be replayed: it can never be counted, for the reason that the dead letter has.")
	}
	w.logger.ErrorContext(ctx, "a dead letter cannot be handled", "dependency", contract.AnalyticsApp, "error", err)
	return nil, retryLater(defaultRetryAfter, contract.AnalyticsApp+", "+contract.StateStore+" or "+
		contract.PubSub+" is unavailable. Try again later.")
}
