package fastapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"daca/services/internal/apitest"
	"daca/services/internal/serve"
)

// TestBodiesAreJSON holds that no route takes a body that a page of another site
// could send without asking first.
func TestBodiesAreJSON(t *testing.T) {
	t.Parallel()
	h := testAPI(t)
	const body = `{"name":"a","count":1}`
	for contentType, status := range map[string]int{
		"application/json":                  200,
		"Application/JSON; charset=utf-8":   200,
		"application/cloudevents+json":      200,
		"":                                  415,
		"text/plain":                        415,
		"text/plain; application/json":      415,
		"application/x-www-form-urlencoded": 415,
		"json":                              415,
		"application/json,text/plain":       415,
	} {
		for _, path := range []string{"/things/1", "/raw", "/bodiless"} {
			rec := h.Send("POST", path, body, "Content-Type", contentType)
			if rec.Code != status {
				t.Errorf("%s: a body of type %q is answered %d %s; want %d", path, contentType, rec.Code, rec.Body, status)
			}
		}
	}
	h.Expect(t, "POST", "/things/1", body, 415,
		`{"detail":"Content type \"text/plain\" is not supported; send application/json"}`,
		"Content-Type", "text/plain")
	for _, path := range []string{"/raw", "/bodiless"} {
		if rec := h.Send("POST", path, ""); rec.Code != 200 {
			t.Errorf("%s: without a body and its type, the answer is %d %s", path, rec.Code, rec.Body)
		}
	}
}

func TestBodiesHaveALimit(t *testing.T) {
	t.Parallel()
	h := testAPI(t)
	long := `{"name":"` + strings.Repeat("a", 2000) + `"}`
	for _, path := range []string{"/things/1", "/raw"} {
		for _, declared := range []bool{true, false} {
			body := strings.NewReader(long)
			req := httptest.NewRequest(http.MethodPost, path, body)
			req.Header.Set("Content-Type", "application/json")
			if !declared {
				req.ContentLength = -1
			}
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, req)
			if rec.Code != 413 {
				t.Errorf("%s: 2000 bytes (declared: %t) are answered %d %s; want 413", path, declared, rec.Code, rec.Body)
			}
			if declared && body.Len() < len(long) {
				t.Errorf("%s: %d bytes are read although they are too many", path, len(long)-body.Len())
			}
		}
	}
}

// TestLargeBodiesWaitForRoom holds that large bodies share a limited room, in which
// small ones need none.
func TestLargeBodiesWaitForRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := New(Options{Logger: slog.New(slog.DiscardHandler), Metrics: serve.NewMetrics()})
		entered := make(chan struct{}, 100)
		leave := make(chan struct{})
		Register(api, huma.Operation{
			OperationID: "large", Method: http.MethodPost, Path: "/large", MaxBodyBytes: bodyRoom + 1,
		}, func(ctx context.Context, _ *struct {
			Body any
		}) (*struct{}, error) {
			entered <- struct{}{}
			select {
			case <-leave:
			case <-ctx.Done():
			}
			return nil, nil
		})
		h := apitest.API{Handler: api.Handler()}
		send := func(bytes int) <-chan *httptest.ResponseRecorder {
			answered := make(chan *httptest.ResponseRecorder, 1)
			go func() { answered <- h.Send("POST", "/large", `"`+strings.Repeat("a", bytes-2)+`"`) }()
			return answered
		}
		first := send(bodyRoom / 2)
		second := send(bodyRoom / 2)
		<-entered
		<-entered
		small := send(1000)
		<-entered
		refused := <-send(largeBody + 1)
		if refused.Code != 503 || refused.Header().Get("Retry-After") != "1" {
			t.Errorf("without room, a large body is answered %d %s; want 503 with Retry-After", refused.Code, refused.Body)
		}
		waiting := send(largeBody + 1)
		synctest.Wait()
		close(leave)
		for _, answered := range []<-chan *httptest.ResponseRecorder{first, second, small, waiting} {
			if rec := <-answered; rec.Code != 204 {
				t.Errorf("with room, a body is answered %d %s", rec.Code, rec.Body)
			}
		}
		// A body that is larger than the room takes all of it.
		if rec := <-send(bodyRoom); rec.Code != 204 {
			t.Errorf("the largest body is answered %d %s", rec.Code, rec.Body)
		}
	})
}

// rawRoute registers a route of the engine that reads its body itself.
func rawRoute(a *API) {
	a.Engine.POST("/raw", a.AdmitBody(1024), func(c *gin.Context) {
		if _, err := c.GetRawData(); err != nil {
			Refuse(c, tooLarge(1024))
		}
	})
}
