// Package http3 stands in for the package of that name, see ../../README.md.
package http3

import (
	"errors"
	"net/http"
)

// ListenAndServeQUIC fails.
func ListenAndServeQUIC(_, _, _ string, _ http.Handler) error {
	return errors.New("serving HTTP/3: it is omitted from this program")
}
