package main

import (
	"errors"
	"time"

	"daca/services/internal/serve"
	"daca/services/internal/sidecar"
)

// config is everything that the environment can set.
type config struct {
	serve.Config
	sidecar.Connection

	AppToken   string `env:"APP_API_TOKEN"` // the sidecar sends it with deliveries; others are refused
	AdminToken string `env:"ADMIN_TOKEN"`   // operators send it as a bearer token; empty asks for none

	DedupWindow  time.Duration `env:"DEDUP_WINDOW" envDefault:"24h"` // how long event ids are remembered
	CommitBudget time.Duration `env:"COMMIT_BUDGET" envDefault:"5s"` // how long to try before Dapr is asked to redeliver
}

// parseConfig reads the environment. Its error names the variables that are wrong.
func parseConfig(environ []string) (config, error) {
	cfg := config{Config: serve.Config{
		Port:          8001,
		MaxBodyBytes:  16 << 10, // of all but deliveries, see maxDelivery
		CORSOrigins:   []string{"http://localhost:3000", "http://localhost:8000"},
		ShutdownGrace: 10 * time.Second,
	}}
	if err := serve.ParseEnv(&cfg, environ); err != nil {
		return config{}, err
	}
	err := errors.Join(
		cfg.Config.Validate(),
		cfg.Connection.Validate(),
		serve.Require(cfg.DedupWindow >= 10*time.Minute,
			"DEDUP_WINDOW", "at least 10m, longer than the longest redelivery"),
		serve.Require(cfg.CommitBudget > 0 && cfg.CommitBudget < 10*time.Second,
			"COMMIT_BUDGET", "above 0 and below 10s, the timeout of a delivery in components/resiliency.yaml"),
	)
	return cfg, err
}
