package fastapi

import (
	"context"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
	"golang.org/x/sync/semaphore"
)

// A body above largeBody takes part of a room that all requests share, from before
// it is read until it is answered. Where there is no room it waits for bodyWait.
const (
	largeBody = 64 << 10
	bodyRoom  = 4 << 20 // bytes
	bodyWait  = 5 * time.Second
)

// bodies admits request bodies.
type bodies struct{ room *semaphore.Weighted }

func newBodies() *bodies { return &bodies{room: semaphore.NewWeighted(bodyRoom)} }

// admit checks that the body of the request is JSON and has at most limit bytes, and
// waits for room if it is large. The caller calls release when it is done with the
// body.
func (b *bodies) admit(r *http.Request, limit int64) (release func(), refusal *Error) {
	size := r.ContentLength
	if size < 0 { // not declared
		size = limit
	}
	switch contentType := r.Header.Get("Content-Type"); {
	case size == 0 || r.Method == http.MethodGet || r.Method == http.MethodHead:
		return func() {}, nil
	case !IsJSON(contentType):
		const detail = "Content type %q is not supported; send application/json"
		return nil, NewError(http.StatusUnsupportedMediaType, fmt.Sprintf(detail, contentType))
	case size > limit:
		return nil, tooLarge(limit)
	case size <= largeBody:
		return func() {}, nil
	}
	size = min(size, bodyRoom)
	ctx, cancel := context.WithTimeout(r.Context(), bodyWait)
	defer cancel()
	if b.room.Acquire(ctx, size) != nil {
		refusal := NewError(http.StatusServiceUnavailable, "There are too many large requests. Try again later.")
		refusal.Headers = http.Header{"Retry-After": {"1"}}
		return nil, refusal
	}
	return func() { b.room.Release(size) }, nil
}

// IsJSON reports whether the content type is application/json or one that is
// written as JSON, such as application/cloudevents+json. A page of another site
// cannot send these without asking first; an HTML form never can.
func IsJSON(contentType string) bool {
	mediaType, _, err := mime.ParseMediaType(contentType)
	return err == nil && (mediaType == "application/json" || strings.HasSuffix(mediaType, "+json"))
}

func tooLarge(limit int64) *Error {
	const detail = "Request body is too large; the limit is %d bytes"
	return NewError(http.StatusRequestEntityTooLarge, fmt.Sprintf(detail, limit))
}

// AdmitBody is for routes of Engine. It refuses a body that is not JSON, or declared
// to be larger than limit bytes, and waits while there are too many large ones.
// Reading more than the limit fails.
func (a *API) AdmitBody(limit int64) gin.HandlerFunc { return a.AdmitBodyOr(limit, Refuse) }

// AdmitBodyOr is AdmitBody for routes whose errors have a shape of their own: refuse
// answers.
func (a *API) AdmitBodyOr(limit int64, refuse func(*gin.Context, *Error)) gin.HandlerFunc {
	return func(c *gin.Context) {
		release, refusal := a.bodies.admit(c.Request, limit)
		if refusal != nil {
			refuse(c, refusal)
			return
		}
		defer release()
		c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, limit)
		c.Next()
	}
}

// admitBody is AdmitBody for operations. Huma itself limits what it reads.
func (a *API) admitBody(ctx huma.Context, next func(huma.Context)) {
	c := humagin.Unwrap(ctx)
	release, refusal := a.bodies.admit(c.Request, ctx.Operation().MaxBodyBytes)
	if refusal != nil {
		Refuse(c, refusal)
		return
	}
	defer release()
	next(ctx)
}
