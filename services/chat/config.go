package main

import (
	"errors"
	"net/url"
	"strings"
	"time"
	"unicode"

	"daca/services/internal/contract"
	"daca/services/internal/serve"
)

// config is everything that the environment can set. Keys and tokens are never logged.
type config struct {
	Host          string        `env:"HOST"`                                            // address to listen on; empty is every one
	Port          int           `env:"PORT" envDefault:"8000"`                          // port to listen on; 0 is a free one
	LogLevel      string        `env:"LOG_LEVEL" envDefault:"info"`                     // debug, info, warn or error
	LogFormat     string        `env:"LOG_FORMAT" envDefault:"json"`                    // json or text
	CORSOrigins   []string      `env:"CORS_ORIGINS" envDefault:"http://localhost:3000"` // origins that browsers may call from
	MaxBodyBytes  int64         `env:"MAX_BODY_BYTES" envDefault:"1048576"`             // larger request bodies get 413
	ShutdownDelay time.Duration `env:"SHUTDOWN_DELAY" envDefault:"0s"`                  // serves on at a stop, closing connections
	ShutdownGrace time.Duration `env:"SHUTDOWN_GRACE" envDefault:"20s"`                 // for requests in flight at a stop

	DaprEndpoint string `env:"DAPR_GRPC_ENDPOINT"`                // the sidecar's gRPC address; empty is DAPR_GRPC_PORT on loopback
	DaprPort     int    `env:"DAPR_GRPC_PORT" envDefault:"50001"` // the sidecar's gRPC port
	DaprToken    string `env:"DAPR_API_TOKEN"`                    // the sidecar's API token, where it asks for one

	AnalyticsApp     string        `env:"ANALYTICS_APP_ID" envDefault:"analytics-service"` // app id of the analytics service
	AnalyticsTimeout time.Duration `env:"ANALYTICS_TIMEOUT" envDefault:"2s"`               // for asking it for a count

	OpenAIKey     string        `env:"OPENAI_API_KEY"`                 // key of the model provider
	OpenAIBaseURL string        `env:"OPENAI_BASE_URL"`                // any server that speaks OpenAI's chat completions; empty is OpenAI
	OpenAIModel   string        `env:"OPENAI_MODEL"`                   // empty is gpt-4o, or Gemini Flash with GEMINI_API_KEY alone
	GeminiKey     string        `env:"GEMINI_API_KEY"`                 // alone, it selects Gemini Flash
	MaxTurns      int           `env:"MAX_TURNS" envDefault:"10"`      // calls of the model for one message
	ModelTimeout  time.Duration `env:"MODEL_TIMEOUT" envDefault:"60s"` // for one call of the model
	ToolTimeout   time.Duration `env:"TOOL_TIMEOUT" envDefault:"10s"`  // for one call of a tool
	ChatTimeout   time.Duration `env:"CHAT_TIMEOUT" envDefault:"120s"` // for all of them together

	PublishBudget time.Duration `env:"PUBLISH_BUDGET" envDefault:"2s"`        // for publishing an event before it is spooled
	SpoolPath     string        `env:"SPOOL_PATH" envDefault:"chat-spool.db"` // file of the events that wait to be published
}

// Where Gemini answers OpenAI's protocol, see
// https://ai.google.dev/gemini-api/docs/openai.
const (
	geminiBaseURL = "https://generativelanguage.googleapis.com/v1beta/openai/"
	geminiModel   = "gemini-2.5-flash"
	openAIModel   = "gpt-4o"
)

// parseConfig reads the environment. Its error names the variable that is wrong.
func parseConfig(environ []string) (config, error) {
	var cfg config
	if err := serve.ParseEnv(&cfg, environ); err != nil {
		return config{}, err
	}
	// Secrets that come from files end in a newline.
	cfg.OpenAIKey, cfg.GeminiKey = strings.TrimSpace(cfg.OpenAIKey), strings.TrimSpace(cfg.GeminiKey)
	cfg.OpenAIModel = strings.TrimSpace(cfg.OpenAIModel)
	cfg.chooseProvider()
	baseURL, err := url.Parse(cfg.OpenAIBaseURL)
	origins, originsOK := serve.Origins(cfg.CORSOrigins)
	cfg.CORSOrigins = origins
	return cfg, errors.Join(
		serve.Require(originsOK, "CORS_ORIGINS", "origins such as http://localhost:3000, separated by commas, or none"),
		serve.Require(cfg.DaprEndpoint == "" || serve.IsHostPort(cfg.DaprEndpoint), "DAPR_GRPC_ENDPOINT", "host:port"),
		serve.Require(cfg.Port >= 0 && cfg.Port < 65536, "PORT", "a port up to 65535, or 0 for a free one"),
		serve.Require(cfg.DaprPort > 0 && cfg.DaprPort < 65536, "DAPR_GRPC_PORT", "a port from 1 to 65535"),
		serve.Require(cfg.MaxBodyBytes >= 1024, "MAX_BODY_BYTES", "at least 1024"),
		serve.Require(cfg.ShutdownDelay >= 0, "SHUTDOWN_DELAY", "a duration, not below 0"),
		serve.Require(cfg.ShutdownGrace > 0, "SHUTDOWN_GRACE", "a duration above 0"),
		serve.Require(cfg.AnalyticsTimeout > 0, "ANALYTICS_TIMEOUT", "a duration above 0"),
		serve.Require(cfg.OpenAIKey != "" || cfg.OpenAIBaseURL != "", "OPENAI_API_KEY, OPENAI_BASE_URL or GEMINI_API_KEY",
			"set: the service needs a model"),
		serve.Require(cfg.OpenAIBaseURL == "" || err == nil && baseURL.Host != "" && (baseURL.Scheme == "http" || baseURL.Scheme == "https"), "OPENAI_BASE_URL", "a URL such as http://localhost:11434/v1"),
		serve.Require(!strings.ContainsFunc(cfg.OpenAIKey, unicode.IsControl), "OPENAI_API_KEY or GEMINI_API_KEY", "a key on one line"),
		serve.Require(cfg.MaxTurns > 0, "MAX_TURNS", "at least 1"),
		serve.Require(cfg.ModelTimeout > 0, "MODEL_TIMEOUT", "a duration above 0"),
		serve.Require(cfg.ToolTimeout > 0, "TOOL_TIMEOUT", "a duration above 0"),
		serve.Require(cfg.ChatTimeout > 0, "CHAT_TIMEOUT", "a duration above 0"),
		serve.Require(cfg.PublishBudget > 0, "PUBLISH_BUDGET", "a duration above 0"),
		serve.Require(cfg.SpoolPath != "", "SPOOL_PATH", "a file name"),
		serve.Require(cfg.AnalyticsApp != "", "ANALYTICS_APP_ID", "an app id such as "+contract.AnalyticsApp),
	)
}

// chooseProvider fills in what the given keys imply.
func (c *config) chooseProvider() {
	if c.GeminiKey != "" && c.OpenAIKey == "" && c.OpenAIBaseURL == "" {
		c.OpenAIKey, c.OpenAIBaseURL = c.GeminiKey, geminiBaseURL
		if c.OpenAIModel == "" {
			c.OpenAIModel = geminiModel
		}
	}
	if c.OpenAIModel == "" {
		c.OpenAIModel = openAIModel
	}
}
