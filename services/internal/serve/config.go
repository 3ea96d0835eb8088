// Package serve starts, watches and stops a service: its configuration, logs,
// metrics, probes and HTTP server.
package serve

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"reflect"
	"strings"

	"github.com/caarlos0/env/v11"
)

// ParseEnv fills the struct that cfg points to from the environment, by its env
// and envDefault tags. Its error names every variable that cannot be read, and
// no value, which may be a secret.
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

// Require returns nil if ok, and else an error that says what the environment
// variable must be.
func Require(ok bool, variable, must string) error {
	if ok {
		return nil
	}
	return fmt.Errorf("environment variable %s must be %s", variable, must)
}

// Origins reads a list of origins that browsers may call from: "none" is an
// empty list, "*" is every origin. ok is false if one of them is no origin such
// as http://localhost:3000.
func Origins(list []string) (origins []string, ok bool) {
	for _, origin := range list {
		origin = strings.TrimSpace(origin)
		u, err := url.Parse(origin)
		switch {
		case origin == "none" && len(list) == 1:
			return nil, true
		case origin != "*" && (err != nil || u.Scheme == "" || u.Host == "" || u.Path != ""):
			return nil, false
		}
		origins = append(origins, origin)
	}
	return origins, true
}

// IsHostPort tells whether an address is host:port.
func IsHostPort(address string) bool {
	host, port, err := net.SplitHostPort(address)
	return err == nil && host != "" && port != ""
}
