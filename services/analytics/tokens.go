package main

import (
	"crypto/subtle"
	"net/http"
	"strings"

	"daca/services/internal/fastapi"
)

// tokens say who may do what. Where a token is empty, none is asked for.
type tokens struct {
	app   string // the sidecar sends it with each request (dapr.io/app-token-secret)
	admin string // operators send it
}

var (
	errNotDelivered = &fastapi.Error{Status: http.StatusUnauthorized, Detail: "Only the Dapr sidecar delivers events, " +
		"with its app token in the header dapr-api-token."}
	errNotAdmin = &fastapi.Error{
		Status:  http.StatusUnauthorized,
		Detail:  "Only an operator may do this, with the admin token (ADMIN_TOKEN) in the header Authorization: Bearer.",
		Headers: http.Header{"WWW-Authenticate": {"Bearer"}},
	}
)

// mayDeliver reports whether the request is from the sidecar, or from an operator.
func (t tokens) mayDeliver(r *http.Request) bool {
	return t.app == "" || equal(r.Header.Get("dapr-api-token"), t.app) || t.admin != "" && t.mayAdminister(r)
}

// mayAdminister reports whether the request is from an operator.
func (t tokens) mayAdminister(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return t.admin == "" || strings.EqualFold(scheme, "Bearer") && equal(strings.TrimSpace(token), t.admin)
}

func equal(given, want string) bool {
	return subtle.ConstantTimeCompare([]byte(given), []byte(want)) == 1
}
