package main

import (
	"errors"
	"net/http"
	"time"

	"daca/services/internal/contract"
	"daca/services/internal/fastapi"
)

// readTimeout limits a read, so that a request does not wait for a store that
// does not answer.
const readTimeout = 3 * time.Second

const storeUnavailable = "The state store " + contract.StateStore +
	" is unavailable; nothing can be said about the count. Try again later."

const corrupt = "What " + contract.StateStore + " holds for the user is not a count. " +
	"It is left as it is; the log names its key."

// failed returns the answer for a count that cannot be read or changed.
func failed(err error) *fastapi.Error {
	if errors.Is(err, errCorrupt) {
		return fastapi.NewError(http.StatusInternalServerError, corrupt)
	}
	return unavailable(storeUnavailable)
}

// unavailable returns the answer for a state store, or a sidecar in front of it,
// that cannot be used. The error itself is in the log and in /readyz.
func unavailable(detail string) *fastapi.Error {
	e := fastapi.NewError(http.StatusServiceUnavailable, detail)
	e.Headers = http.Header{"Retry-After": {"1"}}
	return e
}
