package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"reflect"

	"github.com/caarlos0/env/v11"

	"daca/services/internal/stack"
)

// config is everything that the environment can set. Keys and passwords are
// never printed. DAPRD_PATH is read by stack.Daprd.
type config struct {
	ChatPort         int `env:"CHAT_PORT" envDefault:"8000"`      // the chat service
	AnalyticsPort    int `env:"ANALYTICS_PORT" envDefault:"8001"` // the analytics service
	ModelPort        int `env:"MODEL_PORT" envDefault:"8002"`     // the offline model
	ChatDaprHTTP     int `env:"CHAT_DAPR_HTTP_PORT" envDefault:"3500"`
	ChatDaprGRPC     int `env:"CHAT_DAPR_GRPC_PORT" envDefault:"50001"`
	ChatDaprInternal int `env:"CHAT_DAPR_INTERNAL_PORT" envDefault:"50003"` // for other sidecars
	DaprHTTP         int `env:"ANALYTICS_DAPR_HTTP_PORT" envDefault:"3501"`
	DaprGRPC         int `env:"ANALYTICS_DAPR_GRPC_PORT" envDefault:"50002"`
	DaprInternal     int `env:"ANALYTICS_DAPR_INTERNAL_PORT" envDefault:"50004"`

	RedisHost     string `env:"REDIS_HOST"`     // host:port of a Redis; empty embeds one
	RedisPassword string `env:"REDIS_PASSWORD"` // of that Redis
	Dir           string `env:"DACA_DIR"`       // for the spool and generated files; empty is .daca in the repository
	LogLevel      string `env:"LOG_LEVEL" envDefault:"info"`
	DaprLogLevel  string `env:"DAPR_LOG_LEVEL" envDefault:"error"` // its warnings at a start are of no concern
	NoColour      string `env:"NO_COLOR"`                          // anything: no colours

	OpenAIKey     string `env:"OPENAI_API_KEY"` // this, the next, or Gemini's: no offline model
	OpenAIBaseURL string `env:"OPENAI_BASE_URL"`
	OpenAIModel   string `env:"OPENAI_MODEL"`
	GeminiKey     string `env:"GEMINI_API_KEY"`
}

// port is a port that the suite listens on.
type port struct {
	number   int
	variable string
	user     string
}

func (c config) ports() []port {
	ports := []port{
		{c.ChatPort, "CHAT_PORT", "the chat service"},
		{c.AnalyticsPort, "ANALYTICS_PORT", "the analytics service"},
		{c.ChatDaprHTTP, "CHAT_DAPR_HTTP_PORT", "chat's sidecar (HTTP)"},
		{c.ChatDaprGRPC, "CHAT_DAPR_GRPC_PORT", "chat's sidecar (gRPC)"},
		{c.ChatDaprInternal, "CHAT_DAPR_INTERNAL_PORT", "chat's sidecar (to other sidecars)"},
		{c.DaprHTTP, "ANALYTICS_DAPR_HTTP_PORT", "analytics' sidecar (HTTP)"},
		{c.DaprGRPC, "ANALYTICS_DAPR_GRPC_PORT", "analytics' sidecar (gRPC)"},
		{c.DaprInternal, "ANALYTICS_DAPR_INTERNAL_PORT", "analytics' sidecar (to other sidecars)"},
	}
	if c.offline() {
		ports = append(ports, port{c.ModelPort, "MODEL_PORT", "the offline model"})
	}
	return ports
}

// offline tells whether the offline model answers, for want of another.
func (c config) offline() bool {
	return c.OpenAIKey == "" && c.OpenAIBaseURL == "" && c.GeminiKey == ""
}

// modelEnv is what the chat service needs to know of its model.
func (c config) modelEnv() []string {
	if c.offline() {
		return []string{fmt.Sprintf("OPENAI_BASE_URL=http://127.0.0.1:%d/v1", c.ModelPort), "OPENAI_MODEL=offline"}
	}
	var vars []string
	for _, v := range [][2]string{
		{"OPENAI_API_KEY", c.OpenAIKey}, {"OPENAI_BASE_URL", c.OpenAIBaseURL},
		{"OPENAI_MODEL", c.OpenAIModel}, {"GEMINI_API_KEY", c.GeminiKey},
	} {
		if v[1] != "" {
			vars = append(vars, v[0]+"="+v[1])
		}
	}
	return vars
}

// parseConfig reads the environment. Its error names every variable that is wrong.
func parseConfig(environ []string) (config, error) {
	var cfg config
	if err := env.ParseWithOptions(&cfg, env.Options{Environment: env.ToMap(environ)}); err != nil {
		return config{}, nameVariables(err)
	}
	var errs []error
	users := map[int]port{}
	for _, p := range cfg.ports() {
		if p.number < 1 || p.number > 65535 {
			errs = append(errs, fmt.Errorf("%s: %d is not a port from 1 to 65535", p.variable, p.number))
		} else if other, taken := users[p.number]; taken {
			errs = append(errs, fmt.Errorf("%s and %s are both %d", other.variable, p.variable, p.number))
		}
		users[p.number] = p
	}
	if cfg.RedisHost != "" {
		if _, p, err := net.SplitHostPort(cfg.RedisHost); err != nil || p == "" {
			errs = append(errs, fmt.Errorf("REDIS_HOST: %q is not host:port, such as localhost:6379", cfg.RedisHost))
		}
	}
	if u, err := url.Parse(cfg.OpenAIBaseURL); cfg.OpenAIBaseURL != "" && (err != nil || u.Host == "") {
		errs = append(errs, errors.New("OPENAI_BASE_URL: not a URL such as http://localhost:11434/v1"))
	}
	return cfg, errors.Join(errs...)
}

// checkFree fails at the first port on which a program listens.
func (c config) checkFree(ctx context.Context) error {
	for _, p := range c.ports() {
		if err := stack.CheckFree(ctx, p.number); err != nil {
			return c.explain(err)
		}
	}
	return nil
}

// explain says of an error about a port that is taken what can be done about it.
// It returns other errors as they are.
func (c config) explain(err error) error {
	var taken *stack.TakenError
	if !errors.As(err, &taken) {
		return err
	}
	for _, p := range c.ports() {
		if p.number == taken.Port {
			return fmt.Errorf("port %d, wanted by %s, is taken by %s; stop it, or set %s to another port",
				p.number, p.user, taken.Holder, p.variable)
		}
	}
	return err
}

// nameVariables turns errors about fields into errors about their variables.
func nameVariables(err error) error {
	var all env.AggregateError
	if !errors.As(err, &all) {
		return err
	}
	var errs []error
	for _, err := range all.Errors {
		var parse env.ParseError
		if errors.As(err, &parse) {
			field, _ := reflect.TypeFor[config]().FieldByName(parse.Name)
			err = fmt.Errorf("%s: %w", cmp.Or(field.Tag.Get("env"), parse.Name), parse.Err)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
