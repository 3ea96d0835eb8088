package sidecar

import (
	"crypto/subtle"
	"net/http"
)

// Sent reports whether the request comes from a sidecar with the app token
// (dapr.io/app-token-secret), which it sends in a header of each request.
func Sent(r *http.Request, appToken string) bool {
	given := r.Header.Get("Dapr-Api-Token")
	return subtle.ConstantTimeCompare([]byte(given), []byte(appToken)) == 1
}
