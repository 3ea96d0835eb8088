package fastapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"daca/services/internal/apitest"
	"daca/services/internal/serve"
)

type thing struct {
	Name   string   `json:"name" minLength:"1" maxLength:"5"`
	Count  int64    `json:"count" minimum:"0" maximum:"9007199254740991"`
	Tags   []string `json:"tags,omitempty" maxItems:"2"`
	Nested *struct {
		Word string `json:"word,omitempty"`
	} `json:"nested,omitempty"`
}

func testAPI(t *testing.T) apitest.API {
	t.Helper()
	api := New(Options{
		Name: "test", Title: "Test",
		Config: serve.Config{MaxBodyBytes: 1024, CORSOrigins: []string{"http://localhost:3000"}},
		Logger: slog.New(slog.DiscardHandler), Metrics: serve.NewMetrics(),
	})
	Register(api, huma.Operation{
		OperationID: "thing", Method: http.MethodPost, Path: "/things/{id}", Responses: Responses(api, 422),
	}, func(_ context.Context, in *struct {
		ID   string `path:"id"`
		Size int    `query:"size"`
		Body thing
	}) (*struct{ Body map[string]any }, error) {
		return &struct{ Body map[string]any }{map[string]any{"id": in.ID, "name": in.Body.Name}}, nil
	})
	Register(api, huma.Operation{OperationID: "boom", Method: http.MethodGet, Path: "/boom"},
		func(context.Context, *struct{}) (*struct{}, error) { panic("boom") })
	Register(api, huma.Operation{OperationID: "broken", Method: http.MethodGet, Path: "/broken"},
		func(context.Context, *struct{}) (*struct{}, error) { return nil, io.ErrClosedPipe })
	Register(api, huma.Operation{
		OperationID: "bodiless", Method: http.MethodPost, Path: "/bodiless", DefaultStatus: http.StatusOK,
	}, func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })
	rawRoute(api)
	api.Engine.POST("/slashed/", func(*gin.Context) {})
	return apitest.API{Handler: api.Handler()}
}

// TestErrors holds the words and shapes that clients of FastAPI know.
func TestErrors(t *testing.T) {
	t.Parallel()
	h := testAPI(t)
	for name, tc := range map[string]struct {
		method, target, body string
		status               int
		detail               string
	}{
		"unknown route":  {"GET", "/nope", "", 404, `"Not Found"`},
		"wrong method":   {"DELETE", "/boom", "", 405, `"Method Not Allowed"`},
		"panic":          {"GET", "/boom", "", 500, `"Internal Server Error"`},
		"internal error": {"GET", "/broken", "", 500, `"Internal Server Error"`},
		"bad escape":     {"POST", "/things/%ff", `{}`, 400, `"The path is not valid percent-encoded UTF-8"`},
		"too large": {
			"POST", "/things/1", `{"name":"` + strings.Repeat("a", 2000) + `"}`, 413,
			`"Request body is too large; the limit is 1024 bytes"`,
		},
		"empty body": {
			"POST", "/things/1", "", 422,
			`[{"type":"missing","loc":["body"],"msg":"Field required","input":null}]`,
		},
		"broken JSON": {
			"POST", "/things/1", `{"name":`, 422,
			`[{"type":"json_invalid","loc":["body",8],"msg":"JSON decode error","input":{},` +
				`"ctx":{"error":"unexpected EOF"}}]`,
		},
		"trailing JSON": {
			"POST", "/things/1", `{"name":"a","count":1} {}`, 422,
			`[{"type":"json_invalid","loc":["body",23],"msg":"JSON decode error","input":{},` +
				`"ctx":{"error":"invalid character '{' after top-level value"}}]`,
		},
		"null": {
			"POST", "/things/1", `null`, 422,
			`[{"type":"model_attributes_type","loc":["body"],` +
				`"msg":"Input should be a valid dictionary or object to extract fields from","input":null}]`,
		},
		"list": {
			"POST", "/things/1", `[]`, 422,
			`[{"type":"model_attributes_type","loc":["body"],` +
				`"msg":"Input should be a valid dictionary or object to extract fields from","input":[]}]`,
		},
		"all at once": {
			"POST", "/things/1?size=big", `{"count":"7","tags":["a",7,"c"]}`, 422,
			`[{"type":"int_parsing","loc":["query","size"],` +
				`"msg":"Input should be a valid integer, unable to parse string as an integer","input":"big"},` +
				`{"type":"missing","loc":["body","name"],` +
				`"msg":"Field required","input":{"count":"7","tags":["a",7,"c"]}},` +
				`{"type":"int_parsing","loc":["body","count"],` +
				`"msg":"Input should be a valid integer, unable to parse string as an integer","input":"7"},` +
				`{"type":"too_long","loc":["body","tags"],"msg":"List should have at most 2 items after validation",` +
				`"input":["a",7,"c"],"ctx":{"max_length":2}},` +
				`{"type":"string_type","loc":["body","tags",1],"msg":"Input should be a valid string","input":7}]`,
		},
		"limits": {
			"POST", "/things/1", `{"name":"abcdef","count":-1}`, 422,
			`[{"type":"string_too_long","loc":["body","name"],"msg":"String should have at most 5 characters",` +
				`"input":"abcdef","ctx":{"max_length":5}},` +
				`{"type":"greater_than_equal","loc":["body","count"],` +
				`"msg":"Input should be greater than or equal to 0","input":-1,"ctx":{"ge":0}}]`,
		},
		"2^63": {
			"POST", "/things/1", `{"name":"a","count":9223372036854775808}`, 422,
			`[{"type":"less_than_equal","loc":["body","count"],` +
				`"msg":"Input should be less than or equal to 9007199254740991",` +
				`"input":9223372036854776000,"ctx":{"le":9007199254740991}}]`,
		},
		"float": {
			"POST", "/things/1", `{"name":"a","count":1.5}`, 422,
			`[{"type":"int_from_float","loc":["body","count"],` +
				`"msg":"Input should be a valid integer, got a number with a fractional part","input":1.5}]`,
		},
		"nested": {
			"POST", "/things/1", `{"name":"a","count":1,"nested":{"word":7}}`, 422,
			`[{"type":"string_type","loc":["body","nested","word"],` +
				`"msg":"Input should be a valid string","input":7}]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h.Expect(t, tc.method, tc.target, tc.body, tc.status, `{"detail":`+tc.detail+`}`,
				"Content-Type", "application/json")
		})
	}
}

func TestPanicsAreLoggedWithTheirStack(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	api := New(Options{Logger: slog.New(slog.NewJSONHandler(&log, nil)), Metrics: serve.NewMetrics()})
	api.Engine.GET("/boom", func(*gin.Context) { panicHere() })
	rec := apitest.API{Handler: api.Handler()}.Send("GET", "/boom", "")
	logged := log.String()
	if rec.Code != 500 || !strings.Contains(logged, `"panic":"boom"`) || !strings.Contains(logged, "panicHere") {
		t.Errorf("the answer is %d %s, the log\n%s", rec.Code, rec.Body, logged)
	}
}

func panicHere() { panic("boom") }

// TestSlashesAtTheEnd holds that a path with a slash too many, or too few, leads to
// the one that has a route, as in FastAPI.
func TestSlashesAtTheEnd(t *testing.T) {
	t.Parallel()
	h := testAPI(t)
	for _, tc := range []struct {
		method, target string
		status         int
		location       string
	}{
		{"POST", "/things/a%2Fb/?size=1&x=%20", 307, "/things/a%2Fb?size=1&x=%20"},
		{"GET", "/healthz/", 307, "/healthz"},
		{"POST", "/raw/", 307, "/raw"},
		{"POST", "/slashed", 307, "/slashed/"},
		{"DELETE", "/things/1/", 307, "/things/1"},
		{"POST", "/things/", 404, ""},
		{"POST", "/things//", 404, ""},
		{"GET", "//evil.example/", 404, ""},
		{"GET", "/", 404, ""},
		{"GET", "/nope/", 404, ""},
		{"GET", "/docs/nope/", 404, ""},
	} {
		rec := h.Send(tc.method, tc.target, "")
		if location := rec.Header().Get("Location"); rec.Code != tc.status || location != tc.location {
			t.Errorf("%s %s is answered %d %q %s; want %d %q",
				tc.method, tc.target, rec.Code, location, rec.Body, tc.status, tc.location)
		}
	}
}

func TestProbesAnswerHead(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(testAPI(t))
	t.Cleanup(server.Close)
	for _, path := range []string{"/healthz", "/readyz", "/version", "/metrics"} {
		resp, err := http.Head(server.URL + path)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("HEAD %s: %v, %v; want 200", path, resp, err)
		}
	}
}

func TestPathsAreUnescapedOnce(t *testing.T) {
	t.Parallel()
	testAPI(t).Expect(t, "POST", "/things/a%2Fb+c%2B%25", `{"name":"a","count":1,"unknown":true}`, 200,
		`{"id":"a/b+c+%","name":"a"}`)
}

func TestRefusedJSON(t *testing.T) {
	t.Parallel()
	h := testAPI(t)
	for name, body := range map[string]string{
		"invalid UTF-8":   "{\"name\":\"\xff\",\"count\":1}",
		"NUL byte":        "{\"name\":\"a\x00\",\"count\":1}",
		"duplicate names": `{"name":"a","name":"b","count":1}`,
		"deep nesting":    `{"name":` + strings.Repeat("[", 400) + strings.Repeat("]", 400) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := h.Send("POST", "/things/1", body)
			var answer struct{ Detail []Invalid }
			if err := json.Unmarshal(rec.Body.Bytes(), &answer); rec.Code != 422 || err != nil || len(answer.Detail) == 0 {
				t.Errorf("answer is %d %s; want a 422 with details", rec.Code, rec.Body)
			}
		})
	}
}

func TestOpenAPIDescribesOwnErrorsOnly(t *testing.T) {
	t.Parallel()
	body := testAPI(t).Send("GET", "/openapi.json", "").Body.String()
	if !strings.Contains(body, `"openapi":"3.1.0"`) || !strings.Contains(body, "ValidationProblem") {
		t.Errorf("not the OpenAPI 3.1 description of this API: %s", body)
	}
	for _, foreign := range []string{"ErrorModel", "problem+json", "$schema"} {
		if strings.Contains(body, foreign) {
			t.Errorf("the description has %s", foreign)
		}
	}
}

func TestDocsNeedNoOtherHost(t *testing.T) {
	t.Parallel()
	h := testAPI(t)
	page := h.Send("GET", "/docs", "")
	if page.Code != 200 || !strings.Contains(page.Body.String(), "/docs/swagger-ui-bundle.js") {
		t.Fatalf("/docs answers %d %.200s", page.Code, page.Body)
	}
	if strings.Contains(page.Body.String(), `src="http`) || strings.Contains(page.Body.String(), `href="http`) {
		t.Error("the page loads something from another host")
	}
	if asset := h.Send("GET", "/docs/swagger-ui.css", ""); asset.Code != 200 || asset.Body.Len() < 1000 {
		t.Errorf("/docs/swagger-ui.css answers %d with %d bytes", asset.Code, asset.Body.Len())
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	h := testAPI(t)
	preflight := func(origin string) http.Header {
		req := httptest.NewRequest(http.MethodOptions, "/things/1", nil)
		req.Header.Set("Origin", origin)
		req.Header.Set("Access-Control-Request-Method", "POST")
		req.Header.Set("Access-Control-Request-Headers", "content-type,idempotency-key")
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		return rec.Header()
	}
	got := preflight("http://localhost:3000")
	if got.Get("Access-Control-Allow-Origin") != "http://localhost:3000" ||
		got.Get("Access-Control-Allow-Credentials") != "true" ||
		got.Get("Access-Control-Allow-Headers") != "content-type,idempotency-key" {
		t.Errorf("the configured origin is refused: %v", got)
	}
	if got := preflight("http://elsewhere.example"); got.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another origin is accepted: %v", got)
	}
}
