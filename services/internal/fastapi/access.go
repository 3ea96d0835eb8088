package fastapi

import (
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
)

// refuseOtherSites refuses requests that change something and that a browser makes
// for a page of another site, unless the page is from one of the origins. "*" among
// them trusts every page. Other clients than browsers are not concerned.
func refuseOtherSites(origins []string) gin.HandlerFunc {
	if slices.Contains(origins, "*") {
		return func(*gin.Context) {}
	}
	protection := http.NewCrossOriginProtection()
	for _, origin := range origins {
		_ = protection.AddTrustedOrigin(origin) // serve.Config has validated it; a wrong one is not trusted
	}
	return func(c *gin.Context) {
		if protection.Check(c.Request) != nil {
			Refuse(c, NewError(http.StatusForbidden,
				"A page of another site may not do this, unless CORS_ORIGINS names its origin."))
		}
	}
}

// bearerScheme is the name of RequireBearer in the OpenAPI description.
const bearerScheme = "bearer"

// RequireBearer returns the operation so that it is only for requests with the token,
// as "Authorization: Bearer …". Others get a 401. Without a token, the operation
// stays as it is, for everybody.
func (a *API) RequireBearer(op huma.Operation, token string) huma.Operation {
	if token == "" {
		return op
	}
	op = a.DescribeBearer(op)
	responses := Responses(a, http.StatusUnauthorized)
	for status, response := range op.Responses {
		responses[status] = response
	}
	op.Responses = responses
	op.Middlewares = append(slices.Clone(op.Middlewares), func(ctx huma.Context, next func(huma.Context)) {
		if c := humagin.Unwrap(ctx); !HasBearer(c.Request, token) {
			Refuse(c, Unauthorized())
			return
		}
		next(ctx)
	})
	return op
}

// DescribeBearer returns the operation with a token in its description.
func (a *API) DescribeBearer(op huma.Operation) huma.Operation {
	components := a.OpenAPI().Components
	if components.SecuritySchemes == nil {
		components.SecuritySchemes = map[string]*huma.SecurityScheme{}
	}
	components.SecuritySchemes[bearerScheme] = &huma.SecurityScheme{Type: "http", Scheme: "bearer"}
	op.Security = append(slices.Clone(op.Security), map[string][]string{bearerScheme: {}})
	return op
}

// HasBearer reports whether the request has the token as "Authorization: Bearer …".
func HasBearer(r *http.Request, token string) bool {
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer") &&
		subtle.ConstantTimeCompare([]byte(strings.TrimSpace(given)), []byte(token)) == 1
}

// Unauthorized returns the 401 for a request without the right Bearer token.
func Unauthorized() *Error {
	e := NewError(http.StatusUnauthorized, "Not authenticated: send the token as Authorization: Bearer …")
	e.Headers = http.Header{"Www-Authenticate": {"Bearer"}}
	return e
}
