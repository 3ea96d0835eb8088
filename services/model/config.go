package main

import (
	"errors"
	"strings"
	"time"

	"daca/services/internal/serve"
)

// config is everything that the environment can set. Keys are never logged.
type config struct {
	Host          string        `env:"HOST"`                            // address to listen on; empty is every one
	Port          int           `env:"PORT" envDefault:"8002"`          // port to listen on; 0 is a free one
	LogLevel      string        `env:"LOG_LEVEL" envDefault:"info"`     // debug, info, warn or error
	LogFormat     string        `env:"LOG_FORMAT" envDefault:"json"`    // json or text
	CORSOrigins   []string      `env:"CORS_ORIGINS"`                    // origins that browsers may call from
	ShutdownGrace time.Duration `env:"SHUTDOWN_GRACE" envDefault:"10s"` // for requests in flight at a stop

	APIKey    string `env:"MODEL_API_KEY"`   // the only key that is let in; empty lets in all
	Behaviour string `env:"MODEL_BEHAVIOUR"` // of all requests, such as delay=50ms; see package offline
}

// parseConfig reads the environment. Its error names the variable that is wrong.
func parseConfig(environ []string) (config, error) {
	var cfg config
	if err := serve.ParseEnv(&cfg, environ); err != nil {
		return config{}, err
	}
	origins, originsOK := serve.Origins(cfg.CORSOrigins)
	cfg.CORSOrigins = origins
	return cfg, errors.Join(
		serve.Require(cfg.Port >= 0 && cfg.Port < 65536, "PORT", "a port up to 65535, or 0 for a free one"),
		serve.Require(cfg.ShutdownGrace > 0, "SHUTDOWN_GRACE", "a duration above 0"),
		serve.Require(originsOK, "CORS_ORIGINS", "origins such as http://localhost:3000, separated by commas, or none"),
		serve.Require(!strings.ContainsFunc(cfg.APIKey, notInKeys), "MODEL_API_KEY", "a key without blanks, in ASCII"),
	)
}

func notInKeys(r rune) bool { return r <= ' ' || r > '~' }
