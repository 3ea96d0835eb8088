// Package agent runs the loop between a language model and its tools: it asks the
// model, runs the tools that the model calls, and asks again with their results,
// until the model answers with text.
package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// Defaults for the zero values of Config.
const (
	DefaultMaxTurns     = 10
	DefaultModelTimeout = time.Minute
	DefaultToolTimeout  = 30 * time.Second
)

// Config describes an agent. Only Model is required.
type Config struct {
	BaseURL string // of the API, including /v1; empty is OpenAI's
	APIKey  string
	Model   string
	Tools   []Tool

	MaxTurns     int           // how often one Run may ask the model
	ModelTimeout time.Duration // for one request to the model; in a stream, for the next piece of it
	ToolTimeout  time.Duration // for one call of a tool

	HTTPClient *http.Client
	Logger     *slog.Logger // receives failures; prompts and keys are never logged
}

// Agent answers messages. It keeps no state of a Run, and any number of runs may
// go on at once.
type Agent struct {
	cfg   Config
	tools toolset
	// noUsage is set when the provider refuses to be asked for the usage in streams.
	noUsage atomic.Bool
	// pause waits before a request is tried again. Tests replace it.
	pause func(context.Context, time.Duration)
}

// New returns an agent. It fails if the configuration cannot work: no model, a
// BaseURL that is not an HTTP URL, limits below zero, an incomplete tool, or two
// tools of the same name.
func New(cfg Config) (*Agent, error) {
	if strings.TrimSpace(cfg.Model) == "" {
		return nil, errors.New("no model is named")
	}
	u, urlErr := url.Parse(cfg.BaseURL)
	if cfg.BaseURL != "" && (urlErr != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		return nil, errors.New("the base URL of the model is not an HTTP URL such as https://api.openai.com/v1")
	}
	if cfg.MaxTurns < 0 || cfg.ModelTimeout < 0 || cfg.ToolTimeout < 0 {
		return nil, errors.New("a limit of the agent is below zero")
	}
	cfg.MaxTurns = cmp.Or(cfg.MaxTurns, DefaultMaxTurns)
	cfg.ModelTimeout = cmp.Or(cfg.ModelTimeout, DefaultModelTimeout)
	cfg.ToolTimeout = cmp.Or(cfg.ToolTimeout, DefaultToolTimeout)
	cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = newHTTPClient()
	}

	a := &Agent{cfg: cfg, pause: pause}
	for _, tool := range cfg.Tools {
		if tool.Execute == nil {
			return nil, fmt.Errorf("tool %q: it cannot be executed", tool.Name)
		}
	}
	var err error
	if a.tools, err = (toolset{}).with(cfg.Tools); err != nil {
		return nil, err
	}
	return a, nil
}

// Instructions returns the system prompt for a user who has sent count messages
// before this one. If the count is not known, the prompt does not mention it.
func Instructions(count int64, known bool) string {
	prompt := "You are a helpful chatbot. Respond to user messages in a friendly and informative way. " +
		"If the user asks for the time, use the get_current_time tool."
	if !known {
		return prompt
	}
	return fmt.Sprintf("%s The user has sent %d messages so far, so personalize your response accordingly.", prompt, count)
}
