package main

import (
	"context"
	"log/slog"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"daca/services/internal/contract"
	"daca/services/internal/fastapi"
	"daca/services/internal/serve"
)

// newAPI returns the whole HTTP surface of the service. Probes and documentation
// come with fastapi.New.
func newAPI(
	cfg config, counts *counter, letters *deadLetters,
	checks []serve.Check, logger *slog.Logger, metrics *prometheus.Registry,
) *fastapi.API {
	api := fastapi.New(fastapi.Options{
		Name:  contract.AnalyticsApp,
		Title: "DACA Analytics Service",
		Description: "Keeps how many messages each user has sent: " +
			"counts the events of its Dapr subscriptions, each exactly once.",
		Config:  cfg.Config,
		Logger:  logger,
		Metrics: metrics,
		Checks:  checks,
	})
	a := &analytics{counts: counts, logger: logger}
	fastapi.Register(api, api.Operation("welcome", "GET", "/", "analytics",
		"Say hello"), welcome)
	fastapi.Register(api, api.Operation("get-analytics", "GET", "/analytics/{user_id}", "analytics",
		"How many messages has the user sent?", 404, 422, 503), a.get)
	fastapi.Register(api, api.Operation("initialize", "POST", "/analytics/{user_id}/initialize", "analytics",
		"Set the user's count", 413, 415, 422, 503), a.initialize)
	fastapi.Register(api, api.Operation("increment", "POST", "/analytics/{user_id}/increment", "analytics",
		"Add one to the user's count", 422, 503), a.increment)

	delivery := func(id, path, summary string) huma.Operation {
		op := api.Operation(id, "POST", path, "subscriptions", summary, 413, 422, 503)
		op.RequestBody = eventBody(api.OpenAPI().Components.Schemas)
		op.SkipValidateBody = true
		op.MaxBodyBytes = maxDelivery
		if cfg.AppToken != "" {
			op.Responses = fastapi.Responses(api, 401, 413, 422, 503)
			op.Middlewares = huma.Middlewares{fromSidecar(cfg.AppToken)}
		}
		return op
	}
	e := &events{counts: counts, logger: logger}
	fastapi.Register(api, delivery("messages", "/messages",
		"Count a MessageSent event of topic messages"), e.messageSent)
	fastapi.Register(api, delivery("users", "/users",
		"Make the user of a UserRegistered event of topic users known"), e.userRegistered)
	fastapi.Register(api, delivery("deadletters-receive", "/deadletters",
		"Keep an event that could not be handled"), letters.receive)

	fastapi.Register(api, api.Operation("deadletters-list", "GET", "/deadletters", "dead letters",
		"Which events could not be handled?", 503), letters.list)
	fastapi.Register(api, api.Operation("deadletters-replay", "POST", "/deadletters/{id}/replay", "dead letters",
		"Publish the event again and forget the letter", 404, 409, 503), letters.replay)
	fastapi.Register(api, api.Operation("deadletters-delete", "DELETE", "/deadletters/{id}", "dead letters",
		"Forget the letter", 404, 503), letters.remove)
	return api
}

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
