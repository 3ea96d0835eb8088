package fastapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// unescapeParams percent-decodes the path parameters, once.
func unescapeParams(c *gin.Context) {
	for i, p := range c.Params {
		value, err := url.PathUnescape(p.Value)
		if err != nil || !utf8.ValidString(value) {
			const refused = "The path is not valid percent-encoded UTF-8"
			c.AbortWithStatusJSON(http.StatusBadRequest, NewError(http.StatusBadRequest, refused))
			return
		}
		c.Params[i].Value = value
	}
}

// answer writes FastAPI's words for the status, such as "Not Found".
func answer(status int) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.AbortWithStatusJSON(status, NewError(status, http.StatusText(status)))
	}
}

func recoverPanics(logger *slog.Logger) gin.HandlerFunc {
	return gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, recovered any) {
		logger.ErrorContext(c.Request.Context(), "a handler panicked",
			"route", c.FullPath(), "panic", fmt.Sprint(recovered))
		answer(http.StatusInternalServerError)(c)
	})
}

func marshal(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// unmarshal is stricter than encoding/json: it refuses invalid UTF-8, duplicate
// names, and names in another case. Its syntax errors have the form that
// translate reads.
func unmarshal(data []byte, v any) error {
	err := jsonv2.Unmarshal(data, v)
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.As(err, &syntactic):
		return fmt.Errorf("invalid JSON at byte %d: %w", syntactic.ByteOffset, syntactic.Err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("invalid JSON at byte %d: %w", len(data), err)
	}
	return err
}
