package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseConfig(t *testing.T) {
	t.Parallel()
	t.Run("has defaults for everything", func(t *testing.T) {
		t.Parallel()
		cfg, err := parseConfig(nil)
		if err != nil || cfg.ChatPort != 8000 || cfg.AnalyticsDaprHTTP != 3501 || !cfg.offline() {
			t.Errorf("got %+v, %v", cfg, err)
		}
	})
	for name, c := range map[string]struct {
		environ []string
		want    string
	}{
		"a word for a port":       {[]string{"CHAT_PORT=web"}, "CHAT_PORT is not of type int"},
		"a port above 65535":      {[]string{"MODEL_PORT=70000"}, "MODEL_PORT must be a port from 1 to 65535"},
		"port 0":                  {[]string{"CHAT_PORT=0"}, "CHAT_PORT must be a port from 1 to 65535"},
		"one port for two parts":  {[]string{"ANALYTICS_PORT=8000"}, "CHAT_PORT and ANALYTICS_PORT are both 8000"},
		"a Redis without a port":  {[]string{"REDIS_HOST=localhost"}, "REDIS_HOST must be host:port"},
		"a store that is none":    {[]string{"DACA_STORE=disk"}, "DACA_STORE must be redis or embedded"},
		"two kinds of Redis":      {[]string{"DACA_STORE=redis", "REDIS_HOST=r:1"}, "DACA_STORE must be empty if REDIS_HOST"},
		"a base URL with no host": {[]string{"OPENAI_BASE_URL=secret"}, "OPENAI_BASE_URL must be a URL"},
	} {
		t.Run("refuses "+name, func(t *testing.T) {
			t.Parallel()
			_, err := parseConfig(c.environ)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestModelName(t *testing.T) {
	t.Parallel()
	for want, environ := range map[string][]string{
		"offline, with canned answers; set OPENAI_API_KEY for a real one": nil,
		"the default model of OpenAI":                                     {"OPENAI_API_KEY=sk"},
		"the default model of Gemini":                                     {"GEMINI_API_KEY=g"},
		"m1 at localhost:11434": {
			"OPENAI_BASE_URL=http://user:secret@localhost:11434/v1", "OPENAI_MODEL=m1",
		},
	} {
		cfg, err := parseConfig(environ)
		if err != nil || cfg.modelName() != want {
			t.Errorf("got %q, %v; want %q", cfg.modelName(), err, want)
		}
	}
}

func TestFileOfMCPServers(t *testing.T) {
	t.Parallel()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]string{
		"":                  "",
		`{"mcpServers":{}}`: "",
		"mcp.json":          "MCP_CONFIG=" + filepath.Join(here, "mcp.json"),
		"/etc/mcp.json":     "MCP_CONFIG=/etc/mcp.json",
	} {
		cfg, err := parseConfig([]string{"MCP_CONFIG=" + value})
		if got := strings.Join(cfg.toolsEnv(), " "); err != nil || got != want {
			t.Errorf("MCP_CONFIG=%s is passed on as %q, %v; want %q", value, got, err, want)
		}
	}
}
