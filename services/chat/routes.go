package main

import (
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"daca/services/chat/page"
	"daca/services/internal/contract"
	"daca/services/internal/fastapi"
	"daca/services/internal/serve"
)

// newAPI returns the whole HTTP surface of the service. Probes and documentation
// come with fastapi.New.
func newAPI(
	cfg config, c *chat, s *streams, w *watching, made *page.Page,
	checks []serve.Check, logger *slog.Logger, metrics *prometheus.Registry,
) *fastapi.API {
	api := fastapi.New(fastapi.Options{
		Name:        contract.ChatApp,
		Title:       "DACA Chat Service",
		Description: "Answers messages with an LLM agent that knows how many messages the user has sent.",
		Config:      cfg.Config,
		Logger:      logger,
		Metrics:     metrics,
		Checks:      checks,
	})
	b := newBrowser(cfg, made)
	b.register(api)
	api.Welcome("chat", b.welcome)
	fastapi.Register(api, api.Operation("chat", "POST", "/chat/", "chat",
		"Send a message to the agent", 400, 404, 409, 413, 415, 422, 500, 502, 503, 504), s.answerOnce)
	unslashed := api.Operation("chat-unslashed", "POST", "/chat", "chat", "The same as /chat/")
	unslashed.Hidden = true
	fastapi.Register(api, unslashed, s.answerOnce)

	s.register(api)
	w.register(api)

	u := &users{counts: c, events: c.events, shown: c.shown, logger: logger}
	fastapi.Register(api, api.Operation("get-user", "GET", "/users/{user_id}", "users",
		"Look a user up", 422), u.get)
	fastapi.Register(api, api.Operation("count-user", "GET", "/users/{user_id}/count", "users",
		"Ask how many messages of the user are counted", 422, 503), u.count)
	register := api.Operation("register-user", "POST", "/users/{user_id}/register", "users",
		"Make a user known before the first message", 422, 503)
	register.DefaultStatus = http.StatusAccepted
	fastapi.Register(api, register, u.register)

	kept := &sessions{kept: c.sessions, logger: logger}
	const one = "/users/{user_id}/sessions/{session_id}"
	fastapi.Register(api, api.Operation("list-sessions", "GET", "/users/{user_id}/sessions", "sessions",
		"List the user's sessions, newest first", 422, 500, 503), kept.list)
	fastapi.Register(api, api.Operation("get-session", "GET", one, "sessions",
		"Read a session with all its turns", 404, 422, 500, 503), kept.get)
	fastapi.Register(api, api.Operation("rename-session", "PATCH", one, "sessions",
		"Give a session another title", 404, 413, 415, 422, 500, 503), kept.rename)
	fastapi.Register(api, api.Operation("delete-session", "DELETE", one, "sessions",
		"Delete a session", 404, 422, 500, 503), kept.remove)
	v1 := &front{chat: c, key: cfg.V1APIKey, userHeader: cfg.V1UserHeader}
	v1.register(api)
	return api
}
