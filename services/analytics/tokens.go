package main

import (
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"daca/services/internal/fastapi"
	"daca/services/internal/serve"
	"daca/services/internal/sidecar"
)

// tokens say who may do what. Where a token is empty, none is asked for.
type tokens struct {
	app   string // the sidecar sends it with each request
	admin string // operators send it
}

// mayDeliver reports whether the request is from the sidecar, or from an operator.
func (t tokens) mayDeliver(r *http.Request) bool {
	return t.app == "" || sidecar.Sent(r, t.app) || t.admin != "" && fastapi.HasBearer(r, t.admin)
}

// mayAdminister reports whether the request is from an operator.
func (t tokens) mayAdminister(r *http.Request) bool {
	return t.admin == "" || fastapi.HasBearer(r, t.admin)
}

// admit returns the operation so that it is only for requests from the sidecar, which
// passes on those of other services, or from an operator.
func (t tokens) admit(op huma.Operation) huma.Operation {
	op.Middlewares = append(slices.Clone(op.Middlewares), func(ctx huma.Context, next func(huma.Context)) {
		if c := humagin.Unwrap(ctx); !t.mayDeliver(c.Request) {
			fastapi.Refuse(c, fastapi.NewError(http.StatusUnauthorized,
				"Only operators may see this, and other services through their Dapr sidecars."))
			return
		}
		humagin.Unwrap(ctx).Set(serve.Quiet, true) // chat asks twice a second while somebody looks
		next(ctx)
	})
	return op
}

func notDelivered() *fastapi.Error {
	return fastapi.NewError(http.StatusUnauthorized,
		"Only the Dapr sidecar delivers events, with its app token in the header dapr-api-token.")
}
