// Package serve is what every service of the suite does alike: an HTTP API on
// Gin that validates and documents itself, probes, metrics, logs, and a
// graceful stop.
package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/cors"
	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"
)

// Options describe one service.
type Options struct {
	Name         string // the app id, e.g. chat-service
	Title        string // the human name, e.g. DACA Chat Service
	Description  string
	CORSOrigins  []string // origins that browsers may call from
	MaxBodyBytes int64    // a larger request body is answered with 413
	Logger       *slog.Logger
	Metrics      *prometheus.Registry
	Checks       []Check // what /readyz asks
}

// API is an HTTP API under construction: operations are registered on API, and
// routes that are not part of the documented surface on Engine.
type API struct {
	huma.API
	Engine *gin.Engine

	opts   Options
	probes *probes
}

// New returns an API that answers /docs, /openapi.json, /healthz, /readyz,
// /metrics and /version, and everything unknown with FastAPI's 404 and 405.
func New(opts Options) *API {
	gin.SetMode(gin.ReleaseMode)
	strictCasing()
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	engine.RedirectTrailingSlash = false
	// Gin's own unescaping reads '+' as a blank; unescapeParams does not.
	engine.UseEscapedPath = true
	engine.UnescapePathValues = false

	a := &API{Engine: engine, opts: opts, probes: &probes{checks: opts.Checks, logger: opts.Logger}}
	engine.Use(a.observe(), a.recoverPanics(), unescapeParams)
	engine.NoRoute(answer(http.StatusNotFound))
	engine.NoMethod(answer(http.StatusMethodNotAllowed))
	a.API = humagin.New(engine, a.humaConfig())
	a.UseMiddleware(func(ctx huma.Context, next func(huma.Context)) { next(&humaContext{baseContext: ctx}) })
	a.registerProbes()

	docs := v5emb.NewWithConfig(swgui.Config{
		ShowTopBar: false,
		SettingsUI: map[string]string{"tryItOutEnabled": "true", "defaultModelsExpandDepth": "1"},
	})(opts.Title, "/openapi.json", "/docs/")
	engine.GET("/docs", gin.WrapH(docs))
	engine.GET("/docs/*asset", gin.WrapH(docs))
	return a
}

// strictCasing makes Huma look for required names in their own case, as the
// decoder does: else a name in another case would count as there, and be read as
// absent. Huma has no other place for it than a package variable.
//
//nolint:gochecknoglobals // see above
var strictCasing = sync.OnceFunc(func() { huma.ValidateStrictCasing = true })

// Handler returns the API with cross-origin requests answered as configured.
func (a *API) Handler() http.Handler {
	if len(a.opts.CORSOrigins) == 0 {
		return a.Engine
	}
	return cors.New(cors.Options{
		AllowedOrigins:   a.opts.CORSOrigins,
		AllowedMethods:   []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead, http.MethodOptions},
		AllowedHeaders:   []string{"*"},
		AllowCredentials: true,
		ExposedHeaders:   []string{"Retry-After"},
	}).Handler(a.Engine)
}

// Register adds an operation to the API and its description. The operation's
// errors are documented with Responses and answered by returning an *Error.
func Register[I, O any](a *API, op huma.Operation, handler func(context.Context, *I) (*O, error)) {
	if op.MaxBodyBytes == 0 {
		op.MaxBodyBytes = a.opts.MaxBodyBytes
	}
	op.Metadata = map[string]any{fieldOrderKey: fieldOrder(typeOf[I]())}
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	huma.Register(a.API, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		var known huma.StatusError
		if err != nil && !errors.As(err, &known) {
			a.opts.Logger.ErrorContext(ctx, "answering a request failed", "operation", op.OperationID, "error", err)
			return nil, NewError(http.StatusInternalServerError, "Internal Server Error")
		}
		return out, err
	})
	// Huma documents an error of its own shape where an operation has none.
	delete(op.Responses, "default")
	for _, name := range []string{"ErrorModel", "ErrorDetail"} {
		delete(a.OpenAPI().Components.Schemas.Map(), name)
	}
}

// humaContext lets fastAPIErrors change the status that Huma chose.
type humaContext struct {
	baseContext
	status int
}

// baseContext has another name than huma.Context, whose method Context would
// otherwise collide with the name of the embedded field.
type baseContext = huma.Context

func (c *humaContext) SetStatus(code int) {
	if c.status != 0 {
		code = c.status
	}
	c.baseContext.SetStatus(code)
}

func (a *API) humaConfig() huma.Config {
	format := huma.Format{Marshal: marshal, Unmarshal: unmarshal}
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: a.opts.Title, Version: Version(), Description: a.opts.Description},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
			},
		},
		OpenAPIPath:   "/openapi",
		Formats:       map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{a.fastAPIErrors},
	}
	config.AllowAdditionalPropertiesByDefault = true
	return config
}

// fastAPIErrors gives the errors that Huma itself answers the shape of Error.
func (a *API) fastAPIErrors(ctx huma.Context, _ string, v any) (any, error) {
	model, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	ctx.SetHeader("Content-Type", "application/json")
	switch model.Status {
	case http.StatusRequestEntityTooLarge:
		return NewError(model.Status, fmt.Sprintf("Request body is too large; the limit is %d bytes", ctx.Operation().MaxBodyBytes)), nil
	case http.StatusUnsupportedMediaType:
		return NewError(model.Status, fmt.Sprintf("Content type %q is not supported; send application/json", ctx.Header("Content-Type"))), nil
	case http.StatusBadRequest:
		if c, ok := ctx.(*humaContext); ok {
			c.status = http.StatusUnprocessableEntity
		}
	case http.StatusUnprocessableEntity:
	case http.StatusInternalServerError: // of Huma's own there is but one
		if c, ok := ctx.(*humaContext); ok {
			c.status = http.StatusBadRequest
		}
		return NewError(http.StatusBadRequest, "The request body could not be read"), nil
	default:
		return NewError(model.Status, model.Detail), nil
	}
	if len(model.Errors) == 0 {
		return &Error{Detail: missingBody()}, nil
	}
	invalid := make([]Invalid, min(len(model.Errors), maxErrors))
	for i := range invalid {
		invalid[i] = invalidFrom(model.Errors[i])
		invalid[i].Input = shortened(invalid[i].Input)
	}
	sortByField(invalid, ctx.Operation())
	return &Error{Detail: invalid}, nil
}

func marshal(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// unmarshal is stricter than encoding/json: it refuses invalid UTF-8, names
// that occur twice, and names in another case. Its syntax errors are in the
// form that invalidFrom reads.
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

// unescapeParams percent-decodes the path parameters, once.
func unescapeParams(c *gin.Context) {
	for i, p := range c.Params {
		value, err := url.PathUnescape(p.Value)
		if err != nil || !utf8.ValidString(value) {
			c.AbortWithStatusJSON(http.StatusBadRequest, NewError(http.StatusBadRequest, "The path is not valid percent-encoded UTF-8"))
			return
		}
		c.Params[i].Value = value
	}
}

// answer writes FastAPI's words for the status: "Not Found" and the like.
func answer(status int) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.AbortWithStatusJSON(status, NewError(status, http.StatusText(status)))
	}
}

func (a *API) recoverPanics() gin.HandlerFunc {
	return gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, recovered any) {
		a.opts.Logger.ErrorContext(c.Request.Context(), "a handler panicked", "route", c.FullPath(), "panic", fmt.Sprint(recovered))
		answer(http.StatusInternalServerError)(c)
	})
}

// route is the route's pattern, so that neither logs nor metrics grow a line
// for every user.
func route(c *gin.Context) string {
	if full := c.FullPath(); full != "" {
		return strings.TrimSuffix(full, "/*asset")
	}
	return "unmatched"
}
