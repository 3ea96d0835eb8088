// Package serve starts, watches and stops a service: its configuration, logs,
// metrics, probes and HTTP server.
package serve

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// Config is what every service reads from the environment. A service embeds it,
// sets the defaults that are its own, and calls ParseEnv and Validate.
type Config struct {
	Host          string        `env:"HOST"`                           // address to listen on; empty listens on all
	Port          int           `env:"PORT"`                           // port to listen on; 0 takes a free one
	LogLevel      string        `env:"LOG_LEVEL" envDefault:"info"`    // debug, info, warn or error
	LogFormat     string        `env:"LOG_FORMAT" envDefault:"json"`   // json or text
	CORSOrigins   []string      `env:"CORS_ORIGINS"`                   // origins that browsers may call from
	MaxBodyBytes  int64         `env:"MAX_BODY_BYTES"`                 // larger request bodies get 413
	ShutdownDelay time.Duration `env:"SHUTDOWN_DELAY" envDefault:"0s"` // at a stop, how long to serve on, see Run
	ShutdownGrace time.Duration `env:"SHUTDOWN_GRACE"`                 // at a stop, for requests in flight
}

// Validate returns an error that names every variable with a value that cannot
// be used. It cleans CORSOrigins: "none" becomes an empty list.
func (c *Config) Validate() error {
	origins, originsOK := parseOrigins(c.CORSOrigins)
	c.CORSOrigins = origins
	return errors.Join(
		Require(originsOK, "CORS_ORIGINS", "origins such as http://localhost:3000, separated by commas, or none"),
		Require(c.Port >= 0 && c.Port < 65536, "PORT", "a port up to 65535, or 0 for a free one"),
		Require(c.MaxBodyBytes >= 1024, "MAX_BODY_BYTES", "at least 1024"),
		Require(c.ShutdownDelay >= 0, "SHUTDOWN_DELAY", "a duration, not below 0"),
		Require(c.ShutdownGrace > 0, "SHUTDOWN_GRACE", "a duration above 0"),
	)
}

// parseOrigins trims the origins that browsers may call from. "none" is an empty
// list, "*" is every origin. It returns false if one of them is not an origin such
// as http://localhost:3000. Patterns are no origins: protection against other sites
// knows none.
func parseOrigins(list []string) (origins []string, ok bool) {
	protection := http.NewCrossOriginProtection()
	for _, origin := range list {
		origin = strings.TrimSpace(origin)
		switch {
		case origin == "none" && len(list) == 1:
			return nil, true
		case origin == "*":
		case strings.Contains(origin, "*") || protection.AddTrustedOrigin(origin) != nil:
			return nil, false
		}
		origins = append(origins, origin)
	}
	return origins, true
}

// ParseEnv fills the struct that cfg points to from the environment, by its env
// and envDefault tags; an empty variable counts as unset. A field without
// envDefault keeps the value that it has if its variable is unset. Fields of
// embedded structs are filled too; no two fields may have the same name.
//
// The error names every variable that cannot be read, and quotes no value, which
// may be a secret.
func ParseEnv(cfg any, environ []string) error {
	err := env.ParseWithOptions(cfg, env.Options{Environment: env.ToMap(environ)})
	var all env.AggregateError
	if !errors.As(err, &all) {
		return err
	}
	var named []error
	for _, e := range all.Errors {
		var parse env.ParseError
		if !errors.As(e, &parse) {
			named = append(named, e)
			continue
		}
		variable := parse.Name
		if field, ok := reflect.TypeOf(cfg).Elem().FieldByName(parse.Name); ok {
			variable, _, _ = strings.Cut(field.Tag.Get("env"), ",")
		}
		named = append(named, fmt.Errorf("environment variable %s is not of type %s", variable, parse.Type))
	}
	return errors.Join(named...)
}

// Require returns nil if ok is true, and otherwise an error that says what the
// environment variable must be.
func Require(ok bool, variable, must string) error {
	if ok {
		return nil
	}
	return fmt.Errorf("environment variable %s must be %s", variable, must)
}
