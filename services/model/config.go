package main

import (
	"errors"
	"strings"
	"time"

	"daca/services/internal/serve"
)

// maxBodyBytes is enough for long conversations.
const maxBodyBytes = 1 << 20

// config is everything that the environment can set. Keys are never logged.
type config struct {
	serve.Config

	APIKey    string `env:"MODEL_API_KEY"`   // the only key that is accepted; empty accepts all
	Behaviour string `env:"MODEL_BEHAVIOUR"` // of all requests, such as delay=50ms; see package offline
}

// parseConfig reads the environment. Its error names the variables that are wrong.
func parseConfig(environ []string) (config, error) {
	cfg := config{Config: serve.Config{Port: 8002, MaxBodyBytes: maxBodyBytes, ShutdownGrace: 10 * time.Second}}
	if err := serve.ParseEnv(&cfg, environ); err != nil {
		return config{}, err
	}
	err := errors.Join(
		cfg.Validate(),
		serve.Require(!strings.ContainsFunc(cfg.APIKey, notInKeys), "MODEL_API_KEY", "a key without blanks, in ASCII"),
	)
	// MAX_BODY_BYTES limits messages to the chat service, which may run in the same
	// environment. Its requests to the model are larger than the messages.
	cfg.MaxBodyBytes = maxBodyBytes
	return cfg, err
}

func notInKeys(r rune) bool { return r <= ' ' || r > '~' }
