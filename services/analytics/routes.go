package main

import (
	"context"
	"crypto/subtle"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"daca/services/internal/contract"
	"daca/services/internal/fastapi"
	"daca/services/internal/serve"
)

// newAPI returns the whole HTTP surface of the service; probes and
// documentation come with fastapi.New.
func newAPI(cfg config, counts *counter, letters *deadLetters, checks []serve.Check, logger *slog.Logger, metrics *prometheus.Registry) *fastapi.API {
	api := fastapi.New(fastapi.Options{
		Name:        contract.AnalyticsApp,
		Title:       "DACA Analytics Service",
		Description: "Keeps how many messages each user has sent: counts the events of its Dapr subscriptions, each exactly once.",
		Config:      cfg.Config,
		Logger:      logger,
		Metrics:     metrics,
		Checks:      checks,
	})
	a := &analytics{counts: counts}
	fastapi.Register(api, api.Operation("welcome", "GET", "/", "analytics", "Say hello"), welcome)
	fastapi.Register(api, api.Operation("get-analytics", "GET", "/analytics/{user_id}", "analytics", "How many messages has the user sent?", 404, 422, 503), a.get)
	fastapi.Register(api, api.Operation("initialize", "POST", "/analytics/{user_id}/initialize", "analytics", "Set the user's count", 413, 415, 422, 503), a.initialize)
	fastapi.Register(api, api.Operation("increment", "POST", "/analytics/{user_id}/increment", "analytics", "Add one to the user's count", 422, 503), a.increment)

	e := &events{counts: counts, logger: logger}
	delivery := func(id, path, summary string) huma.Operation {
		o := api.Operation(id, "POST", path, "subscriptions", summary, 413, 422, 503)
		o.RequestBody, o.SkipValidateBody = eventBody(api.OpenAPI().Components.Schemas), true
		o.MaxBodyBytes = maxDelivery
		if cfg.AppToken != "" {
			o.Responses = fastapi.Responses(api, 401, 413, 422, 503)
			o.Middlewares = huma.Middlewares{fromSidecar(cfg.AppToken)}
		}
		return o
	}
	fastapi.Register(api, delivery("messages", "/messages", "Count a MessageSent event of topic messages"), e.messageSent)
	fastapi.Register(api, delivery("users", "/users", "Make the user of a UserRegistered event of topic users known"), e.userRegistered)
	fastapi.Register(api, delivery("deadletters-receive", "/deadletters", "Keep an event that could not be handled"), letters.receive)

	fastapi.Register(api, api.Operation("deadletters-list", "GET", "/deadletters", "dead letters", "Which events could not be handled?", 503), letters.list)
	fastapi.Register(api, api.Operation("deadletters-replay", "POST", "/deadletters/{id}/replay", "dead letters", "Publish the event again and forget the letter", 404, 409, 503), letters.replay)
	fastapi.Register(api, api.Operation("deadletters-delete", "DELETE", "/deadletters/{id}", "dead letters", "Forget the letter", 404, 503), letters.remove)
	return api
}

// fromSidecar lets in only requests with the token that Dapr's sidecar sends
// where it has an app token (dapr.io/app-token-secret).
func fromSidecar(token string) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if subtle.ConstantTimeCompare([]byte(ctx.Header("dapr-api-token")), []byte(token)) == 1 {
			next(ctx)
			return
		}
		ctx.SetStatus(http.StatusUnauthorized)
		ctx.SetHeader("Content-Type", "application/json")
		_, _ = io.WriteString(ctx.BodyWriter(), `{"detail":"Only the Dapr sidecar delivers events, with its app token in the header dapr-api-token."}`)
	}
}

// maxDelivery is larger than anything that a sidecar delivers: 4 MiB by default,
// in base64. What were refused for its size would be delivered again and again.
const maxDelivery = 6 << 20

type message struct {
	Body struct {
		Message string `json:"message"`
	}
}

func welcome(context.Context, *struct{}) (*message, error) {
	m := &message{}
	m.Body.Message = "Welcome to the DACA Analytics Service! Access /docs for the API documentation."
	return m, nil
}

// unavailable is the answer when the state store, or the sidecar before it,
// cannot be used. The error itself is in the log and in /readyz.
func unavailable(detail string) error {
	e := fastapi.NewError(http.StatusServiceUnavailable, detail)
	e.Headers = http.Header{"Retry-After": {"1"}}
	return e
}

// failed is the answer when a count cannot be read or changed.
func failed(err error) error {
	if errors.Is(err, errCorrupt) {
		return fastapi.NewError(http.StatusInternalServerError, "What "+contract.StateStore+" holds for the user is not a count. It is left as it is; the log names its key.")
	}
	return unavailable(storeUnavailable)
}

const storeUnavailable = "The state store " + contract.StateStore + " is unavailable; nothing can be said about the count. Try again later."

// readTimeout bounds a read, so that a request does not hang on a store that does.
const readTimeout = 3 * time.Second
