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

// healthOutput is an alias so that Huma names the schema after the operation:
// HealthzResponse.
type healthOutput = struct {
	Body struct {
		Status string `json:"status" example:"ok"`
	}
}

type readinessOutput struct {
	Status int
	Body   serve.Readiness
}

type versionOutput struct {
	Body versionBody
}

type versionBody struct {
	Service string `json:"service"`
	Version string `json:"version"`
	Go      string `json:"go"`
}

// registerProbes adds /healthz, /readyz, /version and /metrics.
func (a *API) registerProbes() {
	tags := []string{"operations"}
	registerProbe(a, huma.Operation{
		OperationID: "healthz", Method: http.MethodGet, Path: "/healthz", Tags: tags,
		Summary:     "Is the process alive?",
		Description: "Asks no dependency: a failing dependency is no reason to restart the service.",
	}, func(context.Context, *struct{}) (*healthOutput, error) {
		out := &healthOutput{}
		out.Body.Status = "ok"
		return out, nil
	})
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
	}, func(ctx context.Context, _ *struct{}) (*readinessOutput, error) {
		r := a.probes.Readiness(ctx)
		if r.Works() {
			return &readinessOutput{Status: http.StatusOK, Body: r}, nil
		}
		return &readinessOutput{Status: http.StatusServiceUnavailable, Body: r}, nil
	})
	registerProbe(a, huma.Operation{
		OperationID: "version", Method: http.MethodGet, Path: "/version", Tags: tags,
		Summary: "Which build is this?",
	}, func(context.Context, *struct{}) (*versionOutput, error) {
		return &versionOutput{versionBody{a.opts.Name, serve.Version(), runtime.Version()}}, nil
	})
	metrics := gin.WrapH(promhttp.HandlerFor(a.opts.Metrics, promhttp.HandlerOpts{Registry: a.opts.Metrics}))
	a.Engine.GET("/metrics", metrics)
	a.Engine.HEAD("/metrics", metrics)
}

// registerProbe registers a GET that answers HEAD too, which some monitors send.
func registerProbe[O any](a *API, op huma.Operation, handler func(context.Context, *struct{}) (*O, error)) {
	Register(a, op, handler)
	op.OperationID += "-head"
	op.Method = http.MethodHead
	op.Hidden = true
	Register(a, op, handler)
}
