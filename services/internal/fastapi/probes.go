package fastapi

import (
	"context"
	"net/http"
	"reflect"
	"runtime"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"daca/services/internal/serve"
)

type welcomeBody struct {
	Message string `json:"message"`
}

type healthzResponse struct {
	Status string `json:"status" example:"ok"`
}

type versionBody struct {
	Service string `json:"service"`
	Version string `json:"version"`
	Go      string `json:"go"`
}

// Welcome adds / under the tag. Its answer leads to the documentation, unless one of the
// middlewares answers.
func (a *API) Welcome(tag string, middlewares ...func(huma.Context, func(huma.Context))) {
	welcome := welcomeBody{"Welcome to the " + a.opts.Title + "! Access /docs for the API documentation."}
	op := a.Operation("welcome", http.MethodGet, "/", tag, "Say hello")
	op.Middlewares = middlewares
	registerSimple(a, op, func(context.Context) (int, welcomeBody) { return http.StatusOK, welcome })
}

// registerProbes adds /healthz, /readyz, /version and /metrics.
func (a *API) registerProbes() {
	tags := []string{"operations"}
	registerProbe(a, huma.Operation{
		OperationID: "healthz", Method: http.MethodGet, Path: "/healthz", Tags: tags,
		Summary:     "Is the process alive?",
		Description: "Asks no dependency: a failing dependency is no reason to restart the service.",
	}, func(context.Context) (int, healthzResponse) { return http.StatusOK, healthzResponse{"ok"} })
	registerProbe(a, huma.Operation{
		OperationID: "readyz", Method: http.MethodGet, Path: "/readyz", Tags: tags,
		Summary:     "Can the service do its work?",
		Description: "Names each dependency and, where it fails, why.",
		Responses: map[string]*huma.Response{"503": {
			Description: "A dependency without which the service cannot work fails.",
			Content: map[string]*huma.MediaType{"application/json": {
				Schema: a.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[serve.Readiness](), true, ""),
			}},
		}},
	}, func(ctx context.Context) (int, serve.Readiness) {
		r := a.probes.Readiness(ctx)
		if r.Works() {
			return http.StatusOK, r
		}
		return http.StatusServiceUnavailable, r
	})
	registerProbe(a, huma.Operation{
		OperationID: "version", Method: http.MethodGet, Path: "/version", Tags: tags,
		Summary: "Which build is this?",
	}, func(context.Context) (int, versionBody) {
		return http.StatusOK, versionBody{a.opts.Name, serve.Version(), runtime.Version()}
	})
	metrics := gin.WrapH(promhttp.HandlerFor(a.opts.Metrics, promhttp.HandlerOpts{Registry: a.opts.Metrics}))
	a.Engine.GET("/metrics", metrics)
	a.Engine.HEAD("/metrics", metrics)
}

// registerProbe is registerSimple for a GET that answers HEAD too, which some monitors
// send.
func registerProbe[B any](a *API, op huma.Operation, handler func(context.Context) (status int, body B)) {
	registerSimple(a, op, handler)
	op.OperationID += "-head"
	op.Method = http.MethodHead
	op.Hidden = true
	registerSimple(a, op, handler)
}

// simpleOutput is the output of all simple operations. Huma's code for an operation is
// compiled for each type of output, and takes 45 kB.
type simpleOutput struct {
	Status int
	Body   any
}

// registerSimple registers an operation without parameters that always has an answer.
func registerSimple[B any](a *API, op huma.Operation, handler func(context.Context) (status int, body B)) {
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	op.Responses["200"] = &huma.Response{
		Description: http.StatusText(http.StatusOK),
		Content: map[string]*huma.MediaType{"application/json": {
			Schema: a.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[B](), true, ""),
		}},
	}
	Register(a, op, func(ctx context.Context, _ *struct{}) (*simpleOutput, error) {
		status, body := handler(ctx)
		return &simpleOutput{status, body}, nil
	})
}
