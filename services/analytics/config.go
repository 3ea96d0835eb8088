package main

import (
	"errors"
	"time"

	"daca/services/internal/serve"
)

// config is everything that the environment can set.
type config struct {
	Host          string        `env:"HOST"`                                                                  // address to listen on; empty is every one
	Port          int           `env:"PORT" envDefault:"8001"`                                                // port to listen on; 0 is a free one
	LogLevel      string        `env:"LOG_LEVEL" envDefault:"info"`                                           // debug, info, warn or error
	LogFormat     string        `env:"LOG_FORMAT" envDefault:"json"`                                          // json or text
	CORSOrigins   []string      `env:"CORS_ORIGINS" envDefault:"http://localhost:3000,http://localhost:8000"` // origins that browsers may call from
	MaxBodyBytes  int64         `env:"MAX_BODY_BYTES" envDefault:"1048576"`                                   // larger request bodies get 413
	ShutdownDelay time.Duration `env:"SHUTDOWN_DELAY" envDefault:"0s"`                                        // serves on at a stop, closing connections
	ShutdownGrace time.Duration `env:"SHUTDOWN_GRACE" envDefault:"10s"`                                       // for requests in flight at a stop

	DaprEndpoint string `env:"DAPR_GRPC_ENDPOINT"`                // the sidecar's gRPC address; empty is DAPR_GRPC_PORT on loopback
	DaprPort     int    `env:"DAPR_GRPC_PORT" envDefault:"50001"` // the sidecar's gRPC port

	DaprToken string `env:"DAPR_API_TOKEN"` // the sidecar's API token, where it asks for one

	AppToken string `env:"APP_API_TOKEN"` // what the sidecar sends with deliveries; others are refused

	DedupWindow  time.Duration `env:"DEDUP_WINDOW" envDefault:"24h"` // how long event ids are remembered
	DedupCap     int           `env:"DEDUP_CAP" envDefault:"10000"`  // how many event ids are remembered for one user
	CommitBudget time.Duration `env:"COMMIT_BUDGET" envDefault:"5s"` // for committing an event before it is given back to Dapr
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
		serve.Require(originsOK, "CORS_ORIGINS", "origins such as http://localhost:3000, separated by commas, or none"),
		serve.Require(cfg.DaprEndpoint == "" || serve.IsHostPort(cfg.DaprEndpoint), "DAPR_GRPC_ENDPOINT", "host:port"),
		serve.Require(cfg.Port >= 0 && cfg.Port < 65536, "PORT", "a port up to 65535, or 0 for a free one"),
		serve.Require(cfg.DaprPort > 0 && cfg.DaprPort < 65536, "DAPR_GRPC_PORT", "a port from 1 to 65535"),
		serve.Require(cfg.MaxBodyBytes >= 1024, "MAX_BODY_BYTES", "at least 1024"),
		serve.Require(cfg.ShutdownDelay >= 0, "SHUTDOWN_DELAY", "a duration, not below 0"),
		serve.Require(cfg.ShutdownGrace > 0, "SHUTDOWN_GRACE", "a duration above 0"),
		serve.Require(cfg.DedupWindow >= 10*time.Minute, "DEDUP_WINDOW", "at least 10m, longer than the longest redelivery"),
		serve.Require(cfg.DedupCap >= 100 && cfg.DedupCap <= 100_000, "DEDUP_CAP", "from 100 to 100000, what a document of 4 MiB can hold"),
		serve.Require(cfg.CommitBudget > 0 && cfg.CommitBudget < 10*time.Second, "COMMIT_BUDGET", "above 0 and below 10s, the timeout of a delivery in components/resiliency.yaml"),
	)
}
