package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"daca/services/internal/serve"
)

// Values of DACA_STORE.
const (
	storeRedis    = "redis"    // a redis-server, which keeps its data in DACA_DIR
	storeEmbedded = "embedded" // a Redis in this process, which forgets
)

// config is everything that the environment can set. Keys and passwords are
// never printed. stack.Daprd reads DAPRD_PATH by itself.
type config struct {
	ChatPort          int `env:"CHAT_PORT" envDefault:"8000"`
	AnalyticsPort     int `env:"ANALYTICS_PORT" envDefault:"8001"`
	ModelPort         int `env:"MODEL_PORT" envDefault:"8002"` // of the offline model
	ChatDaprHTTP      int `env:"CHAT_DAPR_HTTP_PORT" envDefault:"3500"`
	AnalyticsDaprHTTP int `env:"ANALYTICS_DAPR_HTTP_PORT" envDefault:"3501"`
	// Nobody types the next ones: choosePorts replaces 0 by a free port.
	ChatDaprGRPC          int `env:"CHAT_DAPR_GRPC_PORT"`
	ChatDaprInternal      int `env:"CHAT_DAPR_INTERNAL_PORT"` // for other sidecars
	AnalyticsDaprGRPC     int `env:"ANALYTICS_DAPR_GRPC_PORT"`
	AnalyticsDaprInternal int `env:"ANALYTICS_DAPR_INTERNAL_PORT"`

	Store         string `env:"DACA_STORE"`     // redis or embedded; empty is redis where a redis-server is installed
	RedisHost     string `env:"REDIS_HOST"`     // host:port of another Redis; empty starts one
	RedisPassword string `env:"REDIS_PASSWORD"` // of the Redis at RedisHost
	Components    string `env:"COMPONENTS"`     // directory of the Dapr resources; empty is components in the repository
	Dir           string `env:"DACA_DIR"`       // for all that is kept; empty is .daca in the repository
	LogLevel      string `env:"LOG_LEVEL" envDefault:"info"`
	DaprLogLevel  string `env:"DAPR_LOG_LEVEL" envDefault:"error"` // every start logs warnings that do not matter
	NoColour      string `env:"NO_COLOR"`                          // any text switches colours off

	// A key or an address selects a real model instead of the offline one.
	OpenAIKey     string `env:"OPENAI_API_KEY"`
	OpenAIBaseURL string `env:"OPENAI_BASE_URL"`
	OpenAIModel   string `env:"OPENAI_MODEL"`
	GeminiKey     string `env:"GEMINI_API_KEY"`

	MCPConfig string `env:"MCP_CONFIG"` // of the chat service: MCP servers in JSON, or a file with them
}

// offline reports whether no real model is configured, so that the offline model
// answers.
func (c *config) offline() bool {
	return c.OpenAIKey == "" && c.OpenAIBaseURL == "" && c.GeminiKey == ""
}

// modelEnv returns the variables that tell the chat service which model to use.
func (c *config) modelEnv() []string {
	if c.offline() {
		return []string{fmt.Sprintf("OPENAI_BASE_URL=http://127.0.0.1:%d/v1", c.ModelPort), "OPENAI_MODEL=offline"}
	}
	var variables []string
	for _, v := range []struct{ name, value string }{
		{"OPENAI_API_KEY", c.OpenAIKey},
		{"OPENAI_BASE_URL", c.OpenAIBaseURL},
		{"OPENAI_MODEL", c.OpenAIModel},
		{"GEMINI_API_KEY", c.GeminiKey},
	} {
		if v.value != "" {
			variables = append(variables, v.name+"="+v.value)
		}
	}
	return variables
}

// toolsEnv returns the variable that tells the chat service which MCP servers there are.
// Chat runs in another directory, so that the name of a file is made absolute.
func (c *config) toolsEnv() []string {
	value := strings.TrimSpace(c.MCPConfig)
	if value == "" || strings.HasPrefix(value, "{") {
		return nil // as it is, with the other variables
	}
	if absolute, err := filepath.Abs(value); err == nil {
		value = absolute
	}
	return []string{"MCP_CONFIG=" + value}
}

// parseConfig reads the environment. Its error names every variable that is wrong.
func parseConfig(environ []string) (config, error) {
	var cfg config
	if err := serve.ParseEnv(&cfg, environ); err != nil {
		return config{}, err
	}
	baseURL, err := url.Parse(cfg.OpenAIBaseURL)
	isURL := err == nil && baseURL.Host != ""
	_, redisPort, err := net.SplitHostPort(cfg.RedisHost)
	isHostPort := err == nil && redisPort != ""
	isStore := slices.Contains([]string{"", storeRedis, storeEmbedded}, cfg.Store)
	return cfg, errors.Join(
		cfg.validatePorts(),
		serve.Require(isStore, "DACA_STORE", "redis or embedded"),
		serve.Require(cfg.Store == "" || cfg.RedisHost == "", "DACA_STORE", "empty if REDIS_HOST names a Redis"),
		serve.Require(cfg.RedisHost == "" || isHostPort, "REDIS_HOST", "host:port, such as localhost:6379"),
		serve.Require(cfg.OpenAIBaseURL == "" || isURL, "OPENAI_BASE_URL", "a URL such as http://localhost:11434/v1"),
	)
}
