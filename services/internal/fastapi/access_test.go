package fastapi

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"daca/services/internal/apitest"
	"daca/services/internal/serve"
)

// TestPagesOfOtherSitesAreRefused holds that no web page acts through the browser of
// somebody who can reach the service, unless CORS_ORIGINS trusts it.
func TestPagesOfOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	const body = `{"name":"a","count":1}`
	for name, tc := range map[string]struct {
		headers []string
		refused bool
	}{
		"no browser":            {nil, false},
		"the same site":         {[]string{"Sec-Fetch-Site", "same-origin", "Origin", "http://example.com"}, false},
		"the address bar":       {[]string{"Sec-Fetch-Site", "none"}, false},
		"an old browser's page": {[]string{"Origin", "http://example.com"}, false},
		"a trusted origin":      {[]string{"Sec-Fetch-Site", "cross-site", "Origin", "http://localhost:3000"}, false},
		"another site":          {[]string{"Sec-Fetch-Site", "cross-site", "Origin", "http://evil.example"}, true},
		"another port":          {[]string{"Sec-Fetch-Site", "same-site", "Origin", "http://localhost:3001"}, true},
		"an old browser":        {[]string{"Origin", "http://evil.example"}, true},
		"a sandbox":             {[]string{"Origin", "null"}, true},
	} {
		h := testAPI(t)
		for _, request := range []struct{ path, body string }{
			{"/things/1", body}, {"/bodiless", ""}, {"/raw", body}, {"/raw", ""}, {"/nope", ""},
		} {
			rec := h.Send("POST", request.path, request.body, tc.headers...)
			if refused := rec.Code == 403; refused != tc.refused {
				t.Errorf("%s: POST %s is answered %d %s", name, request.path, rec.Code, rec.Body)
			}
			if tc.refused && !strings.Contains(rec.Body.String(), `{"detail":"A page of another site`) {
				t.Errorf("%s: POST %s gives no reason: %s", name, request.path, rec.Body)
			}
		}
		if rec := h.Send("GET", "/healthz", "", tc.headers...); rec.Code != 200 {
			t.Errorf("%s: a GET is answered %d %s", name, rec.Code, rec.Body)
		}
	}
}

func TestEveryOriginMayBeTrusted(t *testing.T) {
	t.Parallel()
	api := New(Options{
		Config: serve.Config{CORSOrigins: []string{"*"}}, Logger: slog.New(slog.DiscardHandler), Metrics: serve.NewMetrics(),
	})
	rec := apitest.API{Handler: api.Handler()}.Send("POST", "/healthz", "", "Origin", "http://elsewhere.example")
	if rec.Code != 405 {
		t.Errorf("with CORS_ORIGINS=* the answer is %d %s; want 405", rec.Code, rec.Body)
	}
}

func TestRequireBearer(t *testing.T) {
	t.Parallel()
	newAPI := func(token string) apitest.API {
		api := New(Options{Logger: slog.New(slog.DiscardHandler), Metrics: serve.NewMetrics()})
		for _, op := range []huma.Operation{
			api.RequireBearer(api.Operation("admin", "POST", "/admin", "tag", "Administer", 422), token),
			api.Operation("open", "POST", "/open", "tag", "For everybody", 422),
		} {
			Register(api, op, func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })
		}
		return apitest.API{Handler: api.Handler()}
	}
	h := newAPI("s3cret")
	for header, status := range map[string]int{
		"Bearer s3cret": 204, "bearer s3cret": 204,
		"": 401, "Bearer": 401, "Bearer ": 401,
		"Bearer s3cre": 401, "Bearer s3crets": 401, "Basic s3cret": 401, "s3cret": 401,
	} {
		rec := h.Send("POST", "/admin", "", "Authorization", header)
		if rec.Code != status {
			t.Errorf("%q is answered %d %s; want %d", header, rec.Code, rec.Body, status)
		}
		if status == 401 && (rec.Header().Get("WWW-Authenticate") != "Bearer" ||
			!strings.HasPrefix(rec.Body.String(), `{"detail":"Not authenticated`)) {
			t.Errorf("%q is answered %v %s; want a challenge and a detail", header, rec.Header(), rec.Body)
		}
	}
	if rec := h.Send("POST", "/open", ""); rec.Code != 204 {
		t.Errorf("another operation is answered %d %s", rec.Code, rec.Body)
	}
	// Who is not allowed to send anything learns that first, whatever the body.
	if rec := h.Send("POST", "/admin", "x", "Content-Type", "text/plain"); rec.Code != 401 {
		t.Errorf("a stranger's bad body is answered %d %s; want 401", rec.Code, rec.Body)
	}
	description := h.Send("GET", "/openapi.json", "").Body.String()
	if n := strings.Count(description, `"security":[{"bearer":[]}]`); n != 1 ||
		!strings.Contains(description, `"securitySchemes":{"bearer":{"scheme":"bearer","type":"http"}}`) ||
		strings.Count(description, `"401"`) != 1 {
		t.Errorf("the description does not have the token on one operation: %s", description)
	}
}

func TestNoTokenAsksForNone(t *testing.T) {
	t.Parallel()
	api := New(Options{Logger: slog.New(slog.DiscardHandler), Metrics: serve.NewMetrics()})
	op := api.RequireBearer(huma.Operation{OperationID: "admin", Method: http.MethodPost, Path: "/admin"}, "")
	Register(api, op, func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })
	h := apitest.API{Handler: api.Handler()}
	if rec := h.Send("POST", "/admin", ""); rec.Code != 204 {
		t.Errorf("without a token to ask for, the answer is %d %s", rec.Code, rec.Body)
	}
	if body := h.Send("GET", "/openapi.json", "").Body.String(); strings.Contains(body, "security") {
		t.Errorf("the description asks for a token: %s", body)
	}
}
