// Package offline replaces a language model: it is an HTTP handler that speaks
// OpenAI's chat completions, answers the same request with the same text, and
// misbehaves on request, see behaviour.
//
// It repeats what the user said, reads the clock if it is asked for the time and has the
// tool for it, calls the tool that the user names (see namedTool), and remembers what was
// said before (see recall).
package offline

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Options configure the model.
type Options struct {
	// APIKey is the only Bearer key that is accepted. If it is empty, all are.
	APIKey string
	// Behaviour is the default for model names without a query, such as
	// "delay=50ms&fail_first=2". The keys are those of behaviour.
	Behaviour string
	// MaxBodyBytes limits a request; a larger one gets a 413. 0 is 1 MiB.
	MaxBodyBytes int64
	// Now dates the answers; nil is time.Now.
	Now func() time.Time
}

type server struct {
	opts      Options
	behaviour behaviour

	mu       sync.Mutex
	requests map[string]int // failed because of fail_first, by model name
}

// New returns the handler of /v1/chat/completions and /v1/models. It answers all
// other paths with OpenAI's 404. It fails if opts.Behaviour is not valid.
func New(opts Options) (http.Handler, error) {
	if opts.MaxBodyBytes == 0 {
		opts.MaxBodyBytes = 1 << 20
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	s := &server{opts: opts, requests: map[string]int{}}
	var err error
	if s.behaviour, err = s.behaviour.with(opts.Behaviour); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", s.authorized(s.completions))
	mux.HandleFunc("GET /v1/models", s.authorized(s.models))
	mux.HandleFunc("/v1/chat/completions", notAllowed(http.MethodPost))
	mux.HandleFunc("/v1/models", notAllowed(http.MethodGet))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, newError(http.StatusNotFound, "unknown_url", "Unknown request URL: %s %s", r.Method, r.URL.EscapedPath()))
	})
	return mux, nil
}

func (s *server) authorized(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.opts.APIKey != "" && subtle.ConstantTimeCompare([]byte(bearer(r)), []byte(s.opts.APIKey)) == 0 {
			fail(w, newError(http.StatusUnauthorized, "invalid_api_key", "Incorrect API key provided."))
			return
		}
		next(w, r)
	}
}

func bearer(r *http.Request) string {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(key)
}

func (s *server) models(w http.ResponseWriter, _ *http.Request) {
	type model struct {
		ID      string `json:"id"`
		Object  string `json:"object"`
		Created int64  `json:"created"`
		OwnedBy string `json:"owned_by"`
	}
	answer(w, http.StatusOK, struct {
		Object string  `json:"object"`
		Data   []model `json:"data"`
	}{"list", []model{{"offline", "model", s.opts.Now().Unix(), "daca"}}})
}

func notAllowed(allow string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", allow)
		fail(w, newError(http.StatusMethodNotAllowed, "method_not_supported",
			"Not allowed to %s on %s", r.Method, r.URL.EscapedPath()))
	}
}

// apiError is an error in OpenAI's shape.
type apiError struct {
	status  int
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

func newError(status int, code, format string, args ...any) *apiError {
	e := &apiError{status: status, Message: fmt.Sprintf(format, args...), Type: "invalid_request_error"}
	switch {
	case status == http.StatusTooManyRequests:
		e.Type = "rate_limit_error"
	case status >= http.StatusInternalServerError:
		e.Type = "server_error"
	}
	if code != "" {
		e.Code = &code
	}
	return e
}

func badRequest(format string, args ...any) *apiError {
	return newError(http.StatusBadRequest, "", format, args...)
}

func fail(w http.ResponseWriter, e *apiError) {
	answer(w, e.status, map[string]*apiError{"error": e})
}

// answer writes body as JSON. It ignores an error, because then the client is gone.
func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
