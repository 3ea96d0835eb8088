package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"

	"daca/services/chat/session"
	"daca/services/internal/contract"
	"daca/services/internal/serve"
	"daca/services/internal/sidecar"
)

// config is everything that the environment can set. Keys and tokens are never logged.
type config struct {
	serve.Config
	sidecar.Connection

	AnalyticsApp     string        `env:"ANALYTICS_APP_ID" envDefault:"analytics-service"` // of the analytics service
	AnalyticsTimeout time.Duration `env:"ANALYTICS_TIMEOUT" envDefault:"2s"`               // for asking it for a count

	OpenAIKey     string        `env:"OPENAI_API_KEY"`                 // key of the model provider
	OpenAIBaseURL string        `env:"OPENAI_BASE_URL"`                // of any compatible server; empty is OpenAI
	OpenAIModel   string        `env:"OPENAI_MODEL"`                   // empty is gpt-4o, or Gemini Flash, see GeminiKey
	GeminiKey     string        `env:"GEMINI_API_KEY"`                 // without a key and URL above: selects Gemini Flash
	MaxTurns      int           `env:"MAX_TURNS" envDefault:"10"`      // calls of the model for one message
	ModelTimeout  time.Duration `env:"MODEL_TIMEOUT" envDefault:"60s"` // for one call of the model
	ToolTimeout   time.Duration `env:"TOOL_TIMEOUT" envDefault:"10s"`  // for one call of a tool
	ChatTimeout   time.Duration `env:"CHAT_TIMEOUT" envDefault:"120s"` // for all calls for one message together

	SessionTTL       time.Duration `env:"SESSION_TTL" envDefault:"720h"`         // of a session after its last turn
	SessionMaxBytes  int           `env:"SESSION_MAX_BYTES" envDefault:"262144"` // of a session; beyond, the oldest turns go
	HistoryMaxTokens int           `env:"HISTORY_MAX_TOKENS" envDefault:"8000"`  // of earlier turns in a prompt; 0 is none

	MaxRuns      int `env:"MAX_RUNS" envDefault:"256"`       // streamed answers in progress at a time
	MaxFollowers int `env:"MAX_FOLLOWERS" envDefault:"1024"` // streams that are read at a time

	MaxWatchers int `env:"MAX_WATCHERS" envDefault:"64"` // streams of activity that are read at a time

	V1APIKey     string `env:"V1_API_KEY"`                                      // that clients of /v1 send; empty for none
	V1UserHeader string `env:"V1_USER_HEADER" envDefault:"X-OpenWebUI-User-Id"` // names the user of a request to /v1

	MCPConfig string `env:"MCP_CONFIG"` // the MCP servers with more tools, or a file with them; see mcpclient.Load

	PublishBudget time.Duration `env:"PUBLISH_BUDGET" envDefault:"2s"`         // for publishing before spooling
	SpoolPath     string        `env:"SPOOL_PATH" envDefault:"chat-spool.db"`  // file of events that wait to be published
	SpoolMaxBytes int64         `env:"SPOOL_MAX_BYTES" envDefault:"268435456"` // of these events, without the file's own parts

	KubernetesHost string `env:"KUBERNETES_SERVICE_HOST"` // set by Kubernetes in each of its containers
	Cluster        pageCluster
}

// Gemini's endpoint for OpenAI's protocol, see
// https://ai.google.dev/gemini-api/docs/openai.
const (
	geminiBaseURL = "https://generativelanguage.googleapis.com/v1beta/openai/"
	geminiModel   = "gemini-2.5-flash"
	openAIModel   = "gpt-4o"
)

// parseConfig reads the environment. Its error names the variables that are wrong.
func parseConfig(environ []string) (config, error) {
	cfg := config{Config: serve.Config{
		Port:          8000,
		MaxBodyBytes:  64 << 10, // a message
		CORSOrigins:   []string{"http://localhost:3000"},
		ShutdownGrace: graceForAnswers,
	}}
	if err := serve.ParseEnv(&cfg, environ); err != nil {
		return config{}, err
	}
	cfg.chooseProvider()
	cfg.V1APIKey = strings.TrimSpace(cfg.V1APIKey) // a secret from a file ends in a newline
	if cfg.ShutdownGrace == graceForAnswers {
		cfg.ShutdownGrace = cfg.longestAnswer()
	}
	err := errors.Join(
		cfg.Config.Validate(),
		cfg.Connection.Validate(),
		serve.Require(cfg.AnalyticsApp != "", "ANALYTICS_APP_ID", "an app id such as "+contract.AnalyticsApp),
		serve.Require(cfg.AnalyticsTimeout > 0, "ANALYTICS_TIMEOUT", "a duration above 0"),
		serve.Require(cfg.OpenAIKey != "" || cfg.OpenAIBaseURL != "",
			"OPENAI_API_KEY, OPENAI_BASE_URL or GEMINI_API_KEY", "set: the service needs a model"),
		serve.Require(cfg.OpenAIBaseURL == "" || isHTTP(cfg.OpenAIBaseURL),
			"OPENAI_BASE_URL", "a URL such as http://localhost:11434/v1"),
		serve.Require(!strings.ContainsFunc(cfg.OpenAIKey, unicode.IsControl),
			"OPENAI_API_KEY or GEMINI_API_KEY", "a key on one line"),
		serve.Require(cfg.MaxTurns > 0, "MAX_TURNS", "at least 1"),
		serve.Require(cfg.ModelTimeout > 0, "MODEL_TIMEOUT", "a duration above 0"),
		serve.Require(cfg.ToolTimeout > 0, "TOOL_TIMEOUT", "a duration above 0"),
		serve.Require(cfg.ChatTimeout > 0, "CHAT_TIMEOUT", "a duration above 0"),
		serve.Require(cfg.SessionTTL >= time.Second, "SESSION_TTL", "a duration of at least 1s"),
		serve.Require(cfg.SessionMaxBytes >= session.MinBytes && cfg.SessionMaxBytes <= session.MaxBytes,
			"SESSION_MAX_BYTES", fmt.Sprintf("from %d to %d", session.MinBytes, session.MaxBytes)),
		serve.Require(cfg.HistoryMaxTokens >= 0, "HISTORY_MAX_TOKENS", "0 for no history, or above"),
		serve.Require(cfg.MaxRuns > 0, "MAX_RUNS", "at least 1"),
		serve.Require(cfg.MaxFollowers > 0, "MAX_FOLLOWERS", "at least 1"),
		serve.Require(cfg.MaxWatchers > 0, "MAX_WATCHERS", "at least 1"),
		serve.Require(!strings.ContainsFunc(cfg.V1APIKey, unicode.IsControl), "V1_API_KEY", "a key on one line"),
		serve.Require(isHeader(cfg.V1UserHeader), "V1_USER_HEADER", "the name of a header"),
		serve.Require(cfg.PublishBudget > 0, "PUBLISH_BUDGET", "a duration above 0"),
		serve.Require(cfg.SpoolPath != "", "SPOOL_PATH", "a file name"),
		serve.Require(cfg.SpoolMaxBytes >= 1<<20, "SPOOL_MAX_BYTES", "at least 1048576"),
	)
	return cfg, err
}

// graceForAnswers stands for a SHUTDOWN_GRACE that is not set: the longest answer.
const graceForAnswers time.Duration = -1

// longestAnswer is how long a request takes at most: for the count or the history, the
// answer, the agreement on an event and the event, or for keeping the turn. A stop cuts no
// request off if SHUTDOWN_GRACE is not shorter.
func (c *config) longestAnswer() time.Duration {
	const margin = 4 * time.Second // for storing a run, and for writing to the spool and to the client
	return max(c.AnalyticsTimeout, c.PublishBudget) + c.ChatTimeout + 2*c.PublishBudget + margin
}

// chooseProvider fills in what the given keys imply. It trims them, because
// secrets that come from files end in a newline.
func (c *config) chooseProvider() {
	c.OpenAIKey = strings.TrimSpace(c.OpenAIKey)
	c.GeminiKey = strings.TrimSpace(c.GeminiKey)
	c.OpenAIModel = strings.TrimSpace(c.OpenAIModel)
	defaultModel := openAIModel
	if c.GeminiKey != "" && c.OpenAIKey == "" && c.OpenAIBaseURL == "" {
		c.OpenAIKey = c.GeminiKey
		c.OpenAIBaseURL = geminiBaseURL
		defaultModel = geminiModel
	}
	if c.OpenAIModel == "" {
		c.OpenAIModel = defaultModel
	}
}

func isHTTP(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// isHeader reports whether clients can send a header of that name.
func isHeader(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}
