package main

import (
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"daca/services/analytics/activity"
	"daca/services/internal/contract"
	"daca/services/internal/fastapi"
	"daca/services/internal/serve"
)

// newAPI returns the whole HTTP surface of the service. Probes and documentation
// come with fastapi.New.
func newAPI(
	cfg config, counts *counter, letters *deadLetters, shown *activity.Activity,
	arriving *deliveries, checks []serve.Check, logger *slog.Logger, metrics *prometheus.Registry,
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
	api.Welcome("analytics")
	look := &looking{shown: shown, letters: newLetterSummary(letters.box, logger), logger: logger}
	fastapi.Register(api, arriving.tokens.admit(api.Operation("activity", "GET", "/activity", "analytics",
		"What became of the last events?", 401, 503)), look.get)
	serveMCP(api, a, cfg.MaxBodyBytes)
	fastapi.Register(api, api.Operation("get-analytics", "GET", "/analytics/{user_id}", "analytics",
		"How many messages has the user sent?", 404, 422, 503), a.get)
	operator := func(op huma.Operation) huma.Operation { return api.RequireBearer(op, cfg.AdminToken) }
	fastapi.Register(api, operator(api.Operation("initialize", "POST", "/analytics/{user_id}/initialize", "analytics",
		"Set the user's count", 413, 415, 422, 503)), a.initialize)
	fastapi.Register(api, operator(api.Operation("increment", "POST", "/analytics/{user_id}/increment", "analytics",
		"Add one to the user's count", 409, 422, 503)), a.increment)

	subscribe := func(id, topic, summary string, handle handler,
		bare func(*http.Request, []byte) (deliveryAnswer, *fastapi.Error),
	) {
		op := api.Operation(id, "POST", "/"+topic, "subscriptions", summary, 400, 401, 413, 415, 422, 503)
		describeDelivery(api, &op)
		api.OpenAPI().AddOperation(&op)
		api.Engine.POST(op.Path, arriving.route(handle, bare))
	}
	sent := &events{want: contract.MessageSent, change: addOne, counts: counts, letters: letters, shown: shown}
	subscribe("messages", contract.TopicMessages,
		"Count the MessageSent events of topic messages", sent.handle, sent.bare)
	registered := &events{want: contract.UserRegistered, counts: counts, letters: letters, shown: shown}
	subscribe("users", contract.TopicUsers,
		"Make the users of the UserRegistered events of topic users known", registered.handle, registered.bare)
	subscribe("deadletters-receive", contract.TopicDeadLetters,
		"Keep the events that the sidecar could not deliver", letters.receive, letters.bare)

	fastapi.Register(api, operator(api.Operation("deadletters-list", "GET", "/deadletters", "dead letters",
		"Which events could not be handled?", 503)), letters.list)
	fastapi.Register(api, operator(api.Operation("deadletters-replay", "POST", "/deadletters/{id}/replay", "dead letters",
		"Publish the event again and forget the letter", 404, 409, 503)), letters.replay)
	fastapi.Register(api, operator(api.Operation("deadletters-delete", "DELETE", "/deadletters/{id}", "dead letters",
		"Forget the letter", 404, 503)), letters.remove)
	return api
}
