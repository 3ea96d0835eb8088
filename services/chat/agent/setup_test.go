package agent

import (
	"bytes"
	"cmp"
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

// fixture is an agent with the offline model that it asks over HTTP.
type fixture struct {
	agent *Agent

	mu     sync.Mutex
	seen   []openai.ChatCompletionRequest
	bodies [][]byte        // of the same requests
	waits  []time.Duration // between attempts, which do not take place
	log    bytes.Buffer
}

// setup completes cfg, starts the model, and stops it at the end of the test.
func setup(t *testing.T, cfg Config) *fixture {
	t.Helper()
	model, err := offline.New(offline.Options{APIKey: testKey})
	if err != nil {
		t.Fatal(err)
	}
	s := &fixture{}
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
	s.agent.pause = func(_ context.Context, wait time.Duration) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.waits = append(s.waits, wait)
	}
	return s
}

// record keeps the requests to the model.
func (s *fixture) record(t *testing.T, model http.Handler) http.Handler {
	t.Helper()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked(t, r)
		model.ServeHTTP(w, r)
	})
}

// asked keeps a request and returns how many there are.
func (s *fixture) asked(t *testing.T, r *http.Request) int {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Errorf("reading a request of the agent: %v", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var request openai.ChatCompletionRequest
	if err := json.Unmarshal(body, &request); err != nil {
		t.Errorf("the agent asks with %s: %v", body, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, request)
	s.bodies = append(s.bodies, body)
	return len(s.seen)
}

// run answers text and returns the reply.
func (s *fixture) run(ctx context.Context, instructions, text string) (string, error) {
	answer, err := s.agent.Run(ctx, Request{Instructions: cmp.Or(instructions, "Be kind."), Text: text})
	return answer.Reply, err
}

func (s *fixture) waited() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waits
}

func (s *fixture) requests() []openai.ChatCompletionRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

// Write receives the agent's log.
func (s *fixture) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(line)
}

func (s *fixture) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// clockThat returns the tool that the offline model calls, with another function.
func clockThat(execute func(context.Context, json.RawMessage) (string, error)) Tool {
	tool := CurrentTime(time.Now)
	tool.Execute = execute
	return tool
}

func works(context.Context, json.RawMessage) (string, error) { return "noon", nil }
