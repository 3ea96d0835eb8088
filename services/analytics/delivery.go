package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"daca/services/internal/contract"
	"daca/services/internal/fastapi"
	"daca/services/internal/serve"
)

// Limits of deliveries.
const (
	// A batch that is larger is not refused: what was read of it is handled, and the
	// sidecar delivers the rest again.
	maxDelivery   = 8 << 20 // an event has at most 4 MiB, which are 5.4 MiB in base64
	maxEntries    = 10_000
	maxDeliveries = 3        // are handled at a time, one for each topic; others wait
	maxBare       = 16 << 10 // bytes of a bare event
	maxArena      = 1 << 20  // bytes that are kept for the next delivery
)

// See https://docs.dapr.io/reference/api/pubsub_api/, "Expected HTTP Response". The
// third status, DROP, is never used: of a bulk delivery, daprd up to 1.18.2 may then
// bury another event, or end.
const (
	statusSuccess = "SUCCESS"
	statusRetry   = "RETRY"
)

// deliveries are the subscription routes. They decode and answer by themselves,
// because all events of all users pass here.
type deliveries struct {
	tokens  tokens
	slots   chan struct{} // one for each delivery that may be handled at a time
	arenas  sync.Pool     // of *[]byte
	singles lastSeen      // deliveries that were no batch
	logger  *slog.Logger
}

func newDeliveries(t tokens, logger *slog.Logger) *deliveries {
	return &deliveries{
		tokens: t,
		slots:  make(chan struct{}, maxDeliveries),
		arenas: sync.Pool{New: func() any { return new([]byte) }},
		logger: logger,
	}
}

// handler sets the status of each entry of a delivery that arrived then.
type handler func(ctx context.Context, arrived time.Time, entries []entry)

// route returns a subscription route. handle is for deliveries; bare answers a body that
// is none.
func (d *deliveries) route(
	handle handler, bare func(*http.Request, []byte) (deliveryAnswer, *fastapi.Error),
) gin.HandlerFunc {
	return func(c *gin.Context) {
		arrived := time.Now()
		if !d.tokens.mayDeliver(c.Request) {
			fastapi.Refuse(c, notDelivered())
			return
		}
		if c.Request.ContentLength != 0 && !fastapi.IsJSON(c.GetHeader("Content-Type")) {
			fastapi.Refuse(c, fastapi.NewError(http.StatusUnsupportedMediaType, "Send application/json, "+
				"or "+contract.CloudEventsContentType))
			return
		}
		select {
		case d.slots <- struct{}{}:
			defer func() { <-d.slots }()
		case <-c.Request.Context().Done():
			return
		}
		arena, _ := d.arenas.Get().(*[]byte)
		defer func() {
			if cap(*arena) <= maxArena {
				*arena = (*arena)[:0]
				d.arenas.Put(arena)
			}
		}()
		body := bufio.NewReader(io.LimitReader(c.Request.Body, maxDelivery))
		// A client that is still sending does not read its answer.
		defer func() { _, _ = io.Copy(io.Discard, io.LimitReader(c.Request.Body, 4*maxDelivery)) }()
		if startsBatch(body) {
			d.batch(c, body, arena, arrived, handle)
			return
		}
		whole, err := io.ReadAll(body)
		switch s := look(whole); {
		case err != nil:
			fastapi.Refuse(c, fastapi.NewError(http.StatusBadRequest, "The body cannot be read: "+err.Error()))
		case s.isBatch():
			d.batch(c, bytes.NewReader(whole), arena, arrived, handle)
		case s.SpecVersion != nil || isCloudEvents(c.ContentType()):
			d.single(c, s, whole, arena, arrived, handle)
		case !d.tokens.mayAdminister(c.Request):
			fastapi.Refuse(c, fastapi.Unauthorized())
		case len(whole) > maxBare:
			fastapi.Refuse(c, fastapi.NewError(http.StatusRequestEntityTooLarge, "A bare event has at most 16384 bytes"))
		default:
			answer, refusal := bare(c.Request, whole)
			if refusal != nil {
				fastapi.Refuse(c, refusal)
				return
			}
			c.JSON(http.StatusOK, answer)
		}
	}
}

func isCloudEvents(contentType string) bool { return contentType == contract.CloudEventsContentType }

// batch handles a bulk delivery.
func (d *deliveries) batch(c *gin.Context, body io.Reader, arena *[]byte, arrived time.Time, handle handler) {
	ctx := c.Request.Context()
	entries, err := readBatch(body, arena)
	if err != nil {
		d.logger.WarnContext(ctx, "a bulk delivery was read in part: the rest has to be delivered again",
			"entries", len(entries), "error", err)
		if len(entries) == 0 {
			fastapi.Refuse(c, fastapi.NewError(http.StatusBadRequest, err.Error()))
			return
		}
	}
	handle(ctx, arrived, entries)
	c.Set(serve.Quiet, true)
	c.Data(http.StatusOK, "application/json", answerBatch(entries))
}

// deliveryAnswer is the answer to a delivery of one event.
type deliveryAnswer struct {
	Status string `json:"status" enum:"SUCCESS,RETRY,success,ignored"`
	Reason string `json:"reason,omitempty" doc:"Why the event is a dead letter, ignored, or to be delivered again."`
}

// single handles a CloudEvent that came alone.
func (d *deliveries) single(
	c *gin.Context, s single, body []byte, arena *[]byte, arrived time.Time, handle handler,
) {
	one := []entry{{payload: body}}
	if s.fromSidecar() {
		d.singles.now()
		if s.DataBase64 != nil { // a raw payload, in an envelope of the sidecar
			one[0].payload = unpack(s.DataBase64, arena)
		}
	}
	handle(c.Request.Context(), arrived, one)
	c.JSON(http.StatusOK, deliveryAnswer{one[0].status, one[0].reason})
}

// Risk returns an error if events were delivered one at a time lately: then daprd up
// to 1.18.2 may take the failure of one for the failure of another, and lose it.
func (d *deliveries) Risk() error {
	if d.singles.within(singlesMatter) {
		return serve.Reason("events can get lost: the sidecar delivers them one at a time; " +
			"switch bulkSubscribe on in all Subscriptions")
	}
	return nil
}

const singlesMatter = time.Minute

// lastSeen remembers when something happened last, for concurrent use.
type lastSeen struct {
	mu sync.Mutex
	at time.Time
}

func (l *lastSeen) now() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at = time.Now()
}

func (l *lastSeen) within(d time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.at.IsZero() && time.Since(l.at) < d
}
