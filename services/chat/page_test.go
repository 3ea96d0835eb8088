package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestWelcomeByAccept(t *testing.T) {
	t.Parallel()
	s := newService(t)
	const chromium = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
	for accept, want := range map[string]string{
		chromium:                           "<!doctype html>",
		"text/html":                        "<!doctype html>",
		"":                                 `{"message":"Welcome to the DACA Chat Service!`,
		"*/*":                              `{"message":`,
		"application/json":                 `{"message":`,
		"application/json, text/plain":     `{"message":`,
		"text/html;q=0.5,application/json": `{"message":`,
	} {
		rec := request(s.Handler, http.MethodGet, "/", "Accept", accept)
		if rec.Code != http.StatusOK || !strings.HasPrefix(strings.ToLower(rec.Body.String()), strings.ToLower(want)) {
			t.Errorf("with Accept %q: %d %.100s, want %s", accept, rec.Code, rec.Body, want)
		}
		if vary := rec.Header().Values("Vary"); len(vary) == 0 || vary[0] != "Accept" {
			t.Errorf("with Accept %q: Vary %q", accept, vary)
		}
	}
}

func TestPageConfig(t *testing.T) {
	t.Parallel()
	for model, want := range map[string]pageModel{
		"":                    {"gpt-4o", false},
		"offline":             {"offline", true},
		"offline?status=429":  {"offline", true},
		"offline-but-another": {"offline-but-another", false},
	} {
		cfg, err := parseConfig([]string{"OPENAI_API_KEY=k", "OPENAI_MODEL=" + model})
		if err != nil {
			t.Fatal(err)
		}
		if got := newBrowser(cfg, nil).config.Model; got != want {
			t.Errorf("with the model %q the page gets %+v, want %+v", model, got, want)
		}
	}
	on := newService(t, "KUBERNETES_SERVICE_HOST=h", "CLUSTER_NAMESPACE=team", "CLUSTER_CHAT=daca-chat:80",
		"CLUSTER_ANALYTICS=daca-analytics:8001", "CLUSTER_ADMIN_SECRET=s").Handler
	const cluster = `"kubernetes":true,"cluster":{"namespace":"team","chat":"daca-chat:80",` +
		`"analytics":"daca-analytics:8001","admin_secret":"s"}}`
	if rec := request(on, http.MethodGet, "/page/config"); !strings.HasSuffix(rec.Body.String(), cluster) {
		t.Errorf("on a cluster, /page/config answers %s, want …%s", rec.Body, cluster)
	}
	rec := request(newService(t).Handler, http.MethodGet, "/page/config")
	const want = `{"version":"dev","model":{"name":"gpt-4o","offline":false},"replaces":true,"kubernetes":false}`
	if rec.Code != http.StatusOK || rec.Body.String() != want {
		t.Errorf("/page/config answers %d %s, want %s", rec.Code, rec.Body, want)
	}
}

func TestFilesOfThePage(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for _, path := range []string{"/page/none.js", "/page/index.html"} {
		if rec := request(s.Handler, http.MethodGet, path); rec.Code != http.StatusNotFound ||
			rec.Body.String() != `{"detail":"Not Found"}` {
			t.Errorf("%s: %d %s, want a 404", path, rec.Code, rec.Body)
		}
	}
}

func TestCountOfAUser(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.counts.n = 5
	s.Expect(t, "GET", "/users/al%2Fice/count", "", 200, `{"user_id":"al/ice","message_count":5}`)
	s.counts.err = http.ErrServerClosed
	s.Expect(t, "GET", "/users/alice/count", "", 503,
		`{"detail":"The count is not known: analytics-service is unavailable. Try again later."}`)
}

func request(handler http.Handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	handler.ServeHTTP(rec, r)
	return rec
}
