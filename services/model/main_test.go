package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestRun starts the program as main does and sends it requests over the network.
func TestRun(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	logs, stdout := io.Pipe()
	stopped := make(chan error, 1)
	go func() {
		stopped <- run(ctx, []string{
			"PORT=0", "HOST=127.0.0.1", "MODEL_API_KEY=secret", "LOG_LEVEL=debug", "CORS_ORIGINS=http://localhost:3000",
		}, stdout)
		_ = stdout.Close()
	}()
	lines := bufio.NewScanner(logs)
	base := "http://" + address(t, lines)
	log := make(chan string, 1)
	go func() {
		var rest strings.Builder
		for lines.Scan() {
			rest.WriteString(lines.Text() + "\n")
		}
		log <- rest.String()
	}()

	const question = `{"model":"offline","messages":[{"role":"user","content":"hello"}]}`
	const streamed = `{"stream":true,"model":"offline","messages":[{"role":"user","content":"hello"}]}`
	for name, tc := range map[string]struct {
		method, path, key, body string
		status                  int
		want                    string
	}{
		"completion":       {"POST", "/v1/chat/completions", "secret", question, 200, "I am the offline model"},
		"stream":           {"POST", "/v1/chat/completions", "secret", streamed, 200, "data: [DONE]"},
		"wrong key":        {"POST", "/v1/chat/completions", "wrong", question, 401, "invalid_api_key"},
		"models":           {"GET", "/v1/models", "secret", "", 200, `"id":"offline"`},
		"unknown route":    {"GET", "/v1/none", "secret", "", 404, `{"error":{"message":"Unknown request URL`},
		"wrong method":     {"GET", "/v1/chat/completions", "secret", "", 405, `{"error":{"message":"Not allowed`},
		"health":           {"GET", "/healthz", "", "", 200, `"ok"`},
		"readiness":        {"GET", "/readyz", "", "", 200, `"ready"`},
		"version":          {"GET", "/version", "", "", 200, `"service":"model"`},
		"metrics by route": {"GET", "/metrics", "", "", 200, "go_goroutines"},
	} {
		status, body := send(t, tc.method, base+tc.path, tc.key, tc.body)
		if status != tc.status || !strings.Contains(body, tc.want) {
			t.Errorf("%s: %d %s; want %d with %s", name, status, body, tc.status, tc.want)
		}
	}
	const broken = `{"stream":true,"model":"offline?break_after=3","messages":[{"role":"user","content":"hello"}]}`
	if status, body, err := trySend(t, "POST", base+"/v1/chat/completions", "secret", broken); status != 200 ||
		!errors.Is(err, io.ErrUnexpectedEOF) || strings.Count(body, "data: ") != 3 {
		t.Errorf("a stream that breaks: %d %s, %v; want three chunks and no end", status, body, err)
	}
	stop()
	if err := <-stopped; err != nil {
		t.Errorf("run = %v; want an orderly stop", err)
	}
	if got := <-log; strings.Contains(got, "secret") || strings.Contains(got, "wrong") {
		t.Errorf("the log contains a key: %s", got)
	}
}

func address(t *testing.T, lines *bufio.Scanner) string {
	t.Helper()
	for lines.Scan() {
		var line struct{ Msg, Address string }
		if err := json.Unmarshal(lines.Bytes(), &line); err == nil && line.Msg == "serving" {
			return line.Address
		}
	}
	t.Fatal("the program ended before it served")
	return ""
}

func send(t *testing.T, method, url, key, body string) (int, string) {
	t.Helper()
	status, answer, err := trySend(t, method, url, key, body)
	if err != nil {
		t.Fatal(err)
	}
	return status, answer
}

// trySend returns the error of reading the answer.
func trySend(t *testing.T, method, url, key, body string) (int, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, string(answer), err
}

func TestErrorsNameTheVariable(t *testing.T) {
	t.Parallel()
	for variable, value := range map[string]string{
		"PORT":            "eighty",
		"LOG_LEVEL":       "loud",
		"LOG_FORMAT":      "xml",
		"CORS_ORIGINS":    "localhost",
		"SHUTDOWN_GRACE":  "-1s",
		"MODEL_API_KEY":   "two words",
		"MODEL_BEHAVIOUR": "mood=bad",
	} {
		err := run(t.Context(), []string{variable + "=" + value}, io.Discard)
		if err == nil || !strings.Contains(err.Error(), variable) {
			t.Errorf("with %s=%s run = %v; want an error that names %s", variable, value, err, variable)
		}
		if variable == "MODEL_API_KEY" && strings.Contains(err.Error(), value) {
			t.Errorf("the error contains the key: %v", err)
		}
	}
	err := run(t.Context(), []string{"PORT=70000", "SHUTDOWN_GRACE=soon"}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "SHUTDOWN_GRACE") {
		t.Errorf("run = %v; want SHUTDOWN_GRACE named", err)
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	cfg, err := parseConfig([]string{"PORT="})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Port != 8002 || cfg.LogFormat != "json" || cfg.ShutdownGrace.String() != "10s" {
		t.Errorf("defaults = %+v", cfg)
	}
}
