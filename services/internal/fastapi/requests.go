package fastapi

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
)

// unescapeParams percent-decodes the path parameters, once.
func unescapeParams(c *gin.Context) {
	for i, p := range c.Params {
		value, err := url.PathUnescape(p.Value)
		if err != nil || !utf8.ValidString(value) {
			Refuse(c, NewError(http.StatusBadRequest, "The path is not valid percent-encoded UTF-8"))
			return
		}
		c.Params[i].Value = value
	}
}

// Refuse answers the request with the error, and calls no further handlers.
func Refuse(c *gin.Context, e *Error) {
	for name, values := range e.Headers {
		c.Writer.Header()[name] = values
	}
	c.AbortWithStatusJSON(e.Status, e)
}

// answer writes FastAPI's words for the status, such as "Not Found".
func answer(status int) gin.HandlerFunc {
	return func(c *gin.Context) { Refuse(c, NewError(status, http.StatusText(status))) }
}

// recoverPanics answers a request whose handler panicked with a 500. The log has the
// stack of the panic.
func recoverPanics(logger *slog.Logger) gin.HandlerFunc {
	return gin.CustomRecoveryWithWriter(nil, func(c *gin.Context, recovered any) {
		logger.ErrorContext(c.Request.Context(), "a handler panicked",
			"route", c.FullPath(), "panic", fmt.Sprint(recovered), "stack", string(debug.Stack()))
		answer(http.StatusInternalServerError)(c)
	})
}

func marshal(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
