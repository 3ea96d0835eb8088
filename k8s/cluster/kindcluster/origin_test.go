package kindcluster

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestDetect(t *testing.T) {
	t.Parallel()
	answering := func(status int) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	open, private, broken := answering(200), answering(401), answering(503)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()

	for name, test := range map[string]struct {
		registries []string
		want       Origin
	}{
		"registries that answer":       {[]string{open, private}, Published},
		"a registry out of reach":      {[]string{open, gone.URL}, FromSource},
		"a gateway, not a registry":    {[]string{broken, open}, FromSource},
		"an address that is not valid": {[]string{"://"}, FromSource},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, why := detect(t.Context(), http.DefaultClient, test.registries...); got != test.want || why == "" {
				t.Errorf("got %s because %q, want %s", got, why, test.want)
			}
		})
	}
}

func TestOriginIsChecked(t *testing.T) {
	t.Parallel()
	if _, err := (Options{Origin: "some"}).origin(t.Context()); err == nil {
		t.Error("no error for an origin that does not exist")
	}
}
