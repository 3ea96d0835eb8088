package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"daca/services/internal/fastapi"
	"daca/services/internal/serve"
	"daca/services/model/offline"
)

// service is the name of the program, its image and its Deployment.
const service = "model"

// newAPI mounts the offline model next to the routes that every service has. It
// answers unknown routes in OpenAI's words rather than FastAPI's.
func newAPI(cfg config, logger *slog.Logger) (*fastapi.API, error) {
	model, err := offline.New(offline.Options{
		APIKey: cfg.APIKey, Behaviour: cfg.Behaviour, MaxBodyBytes: cfg.MaxBodyBytes, Now: time.Now,
	})
	if err != nil {
		return nil, fmt.Errorf("environment variable MODEL_BEHAVIOUR: %w", err)
	}
	api := fastapi.New(fastapi.Options{
		Name:        service,
		Title:       "DACA Offline Model",
		Description: "Speaks OpenAI's chat completions under /v1 and answers without any network.",
		Config:      cfg.Config,
		Logger:      logger,
		Metrics:     serve.NewMetrics(),
	})
	handler := gin.WrapH(model)
	api.Engine.Handle(http.MethodPost, "/v1/chat/completions", api.AdmitBody(cfg.MaxBodyBytes), handler)
	api.Engine.Handle(http.MethodGet, "/v1/models", handler)
	api.Engine.NoRoute(handler)
	api.Engine.NoMethod(handler)
	return api, nil
}
