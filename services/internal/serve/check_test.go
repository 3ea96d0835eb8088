package serve

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// inProcess answers the requests of a client by calling the handler, so that
// synctest's clock covers all waiting.
type inProcess struct{ http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	p.ServeHTTP(answer, r)
	return answer.Result(), nil
}

func TestCheckURLs(t *testing.T) {
	t.Parallel()
	const never = "http://never.example/readyz"
	asked := map[string]int{}
	client := &http.Client{Transport: inProcess{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked[r.Host]++
		if r.Host == "late.example" && asked[r.Host] == 3 {
			_, _ = w.Write([]byte("ready at last\n"))
			return
		}
		http.Error(w, "no store", http.StatusServiceUnavailable)
	})}}
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		start := time.Now()
		err := checkURLs(t.Context(), client, []string{never, "http://late.example/readyz"}, &out)
		if err == nil || err.Error() != "check "+never+": answers 503 Service Unavailable: no store" {
			t.Errorf("a URL that stays down: %v", err)
		}
		if want := "ok http://late.example/readyz ready at last\n"; out.String() != want {
			t.Errorf("a URL that comes up: got %q, want %q", out.String(), want)
		}
		if took := time.Since(start); took < checkBudget-5*time.Second || took > checkBudget+5*time.Second {
			t.Errorf("it took %s; want %s for the URL that stays down", took, checkBudget)
		}
	})
	if n := asked["never.example"]; n < 10 {
		t.Errorf("the URL that stays down was asked %d times", n)
	}
}

func TestCheckURLsAsksAServer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ready"))
	}))
	t.Cleanup(server.Close)
	var out strings.Builder
	err := CheckURLs(t.Context(), []string{server.URL}, &out)
	if err != nil || out.String() != "ok "+server.URL+" ready\n" {
		t.Errorf("got %v, %q", err, out.String())
	}
	out.Reset()
	address := "tcp" + strings.TrimPrefix(server.URL, "http")
	want := "ok " + address + " accepts connections\n"
	if err := CheckURLs(t.Context(), []string{address}, &out); err != nil || out.String() != want {
		t.Errorf("an address that accepts connections: %v, %q; want %q", err, out.String(), want)
	}
	server.Close()
	if _, err := get(t.Context(), http.DefaultClient, address); err == nil {
		t.Error("an address where nobody listens: no error")
	}
	if err := CheckURLs(t.Context(), nil, &out); err == nil {
		t.Error("no URLs: no error")
	}
}
