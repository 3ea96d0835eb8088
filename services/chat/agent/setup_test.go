package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/sashabaranov/go-openai"

	"daca/services/model/offline"
)

const testKey = "sk-test-0123456789"

// suite is an agent and the offline model that it talks to over HTTP.
type suite struct {
	agent *Agent

	mu   sync.Mutex
	seen []openai.ChatCompletionRequest
	log  bytes.Buffer
}

// setup completes cfg and starts the model; both end with the test.
func setup(t *testing.T, cfg Config) *suite {
	t.Helper()
	model, err := offline.New(offline.Options{APIKey: testKey})
	if err != nil {
		t.Fatal(err)
	}
	s := &suite{}
	server := httptest.NewServer(s.record(t, model))
	t.Cleanup(server.Close)

	if cfg.BaseURL == "" {
		cfg.BaseURL = server.URL + "/v1"
	}
	if cfg.Model == "" {
		cfg.Model = "offline"
	}
	if cfg.APIKey == "" {
		cfg.APIKey = testKey
	}
	cfg.HTTPClient = server.Client()
	cfg.Logger = slog.New(slog.NewJSONHandler(s, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if s.agent, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	return s
}

// record keeps what the model is asked.
func (s *suite) record(t *testing.T, model http.Handler) http.Handler {
	t.Helper()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("reading a request of the agent: %v", err)
		}
		var request openai.ChatCompletionRequest
		if err := json.Unmarshal(body, &request); err != nil {
			t.Errorf("the agent asks with %s: %v", body, err)
		}
		s.mu.Lock()
		s.seen = append(s.seen, request)
		s.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		model.ServeHTTP(w, r)
	})
}

func (s *suite) requests() []openai.ChatCompletionRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

// Write is the agent's log.
func (s *suite) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(line)
}

func (s *suite) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// clockThat returns the tool that the offline model calls, with another inside.
func clockThat(execute func(context.Context, json.RawMessage) (string, error)) Tool {
	tool := CurrentTime(time.Now)
	tool.Execute = execute
	return tool
}

func works(context.Context, json.RawMessage) (string, error) { return "noon", nil }
