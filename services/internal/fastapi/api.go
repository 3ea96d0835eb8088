// Package fastapi answers as FastAPI does: an HTTP API on Gin and Huma that
// validates requests, words its errors like FastAPI and pydantic, and documents
// itself as OpenAPI 3.1. It knows package serve, which knows nothing of it.
package fastapi

import (
	"context"
	"log/slog"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/cors"

	"daca/services/internal/serve"
)

// Options describe one service.
type Options struct {
	Name        string // the app id, e.g. chat-service
	Title       string // the name for people, e.g. DACA Chat Service
	Description string
	Config      serve.Config
	Logger      *slog.Logger
	Metrics     *prometheus.Registry
	Checks      []serve.Check // the dependencies that /readyz asks
}

// API is an HTTP API under construction: operations are registered on API, and
// routes that are not part of the documented surface on Engine.
type API struct {
	huma.API
	Engine *gin.Engine

	opts   Options
	probes *serve.Probes
	bodies *bodies
}

// New returns an API that answers /docs, /openapi.json, /healthz, /readyz,
// /metrics and /version, and everything unknown with FastAPI's redirects, 404 and 405.
func New(opts Options) *API {
	gin.SetMode(gin.ReleaseMode)
	strictCasing()
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	engine.RedirectTrailingSlash = false
	// Gin's own unescaping reads '+' as a blank; unescapeParams does not.
	engine.UseEscapedPath = true
	engine.UnescapePathValues = false

	a := &API{
		Engine: engine,
		opts:   opts,
		probes: serve.NewProbes(opts.Logger, opts.Checks),
		bodies: newBodies(),
	}
	engine.Use(serve.Observe(opts.Logger, opts.Metrics), recoverPanics(opts.Logger),
		refuseOtherSites(opts.Config.CORSOrigins), unescapeParams)
	engine.NoRoute(redirectSlash(engine))
	engine.NoMethod(answer(http.StatusMethodNotAllowed))
	a.API = humagin.New(engine, a.humaConfig())
	a.UseMiddleware(func(ctx huma.Context, next func(huma.Context)) { next(&humaContext{baseContext: ctx}) })
	a.registerProbes()
	a.serveDocs()
	return a
}

// strictCasing makes Huma look for required names in their own case, as the
// decoder does. Otherwise a name in another case would count as present, and be
// decoded as absent. Huma offers only a package variable for this.
//
//nolint:gochecknoglobals // see above
var strictCasing = sync.OnceFunc(func() { huma.ValidateStrictCasing = true })

func (a *API) humaConfig() huma.Config {
	format := huma.Format{Marshal: marshal, Unmarshal: unmarshal}
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: a.opts.Title, Version: serve.Version(), Description: a.opts.Description},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
			},
		},
		OpenAPIPath:   "/openapi",
		Formats:       map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{a.fastAPIErrors},
	}
	config.AllowAdditionalPropertiesByDefault = true
	return config
}

// Handler returns the API with cross-origin requests answered as configured.
func (a *API) Handler() http.Handler {
	if len(a.opts.Config.CORSOrigins) == 0 {
		return a.Engine
	}
	return cors.New(cors.Options{
		AllowedOrigins: a.opts.Config.CORSOrigins,
		AllowedMethods: []string{
			http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch,
			http.MethodDelete, http.MethodHead, http.MethodOptions,
		},
		AllowedHeaders:   []string{"*"},
		AllowCredentials: true,
		ExposedHeaders:   []string{"Retry-After"},
	}).Handler(a.Engine)
}

// Run serves the API until ctx ends, see serve.Run. While it stops, /readyz
// answers "stopping".
func (a *API) Run(ctx context.Context) error {
	return serve.Run(ctx, a.opts.Config, a.Handler(), a.opts.Logger, a.probes.Stop)
}
