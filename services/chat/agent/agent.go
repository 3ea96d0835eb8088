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
	"sync"
	"time"

	"github.com/sashabaranov/go-openai"
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
	ModelTimeout time.Duration // for one request to the model
	ToolTimeout  time.Duration // for one call of a tool

	HTTPClient *http.Client
	Logger     *slog.Logger // receives failures; prompts and keys are never logged
}

// Agent answers messages. It keeps no state of a Run, and any number of runs may
// go on at once.
type Agent struct {
	cfg   Config
	tools map[string]Tool
	offer []openai.Tool // the tools as requests describe them
}

// New returns an agent. It fails if the configuration cannot work: no model, a
// BaseURL that is not an HTTP URL, limits below zero, an incomplete tool, or two
// tools of the same name.
func New(cfg Config) (*Agent, error) {
	if strings.TrimSpace(cfg.Model) == "" {
		return nil, errors.New("no model is named")
	}
	u, err := url.Parse(cfg.BaseURL)
	if cfg.BaseURL != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
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

	a := &Agent{cfg: cfg, tools: map[string]Tool{}}
	for _, tool := range cfg.Tools {
		if err := tool.validate(); err != nil {
			return nil, fmt.Errorf("tool %q: %w", tool.Name, err)
		}
		if _, taken := a.tools[tool.Name]; taken {
			return nil, fmt.Errorf("tool %q: there are two of that name", tool.Name)
		}
		a.tools[tool.Name] = tool
		a.offer = append(a.offer, openai.Tool{Type: openai.ToolTypeFunction, Function: &openai.FunctionDefinition{
			Name: tool.Name, Description: tool.Description, Parameters: tool.Parameters,
		}})
	}
	return a, nil
}

// Run answers a request. It fails with an *Error if the model fails, and with the error
// of ctx if that ends. The failure of a tool is not an error: the model is told, and
// decides what to do. When Run returns, none of its tools is running any more.
func (a *Agent) Run(ctx context.Context, request Request) (Answer, error) {
	messages := prompt(request)
	first := len(messages) // of what is said in this run
	model := a.converse()
	for range a.cfg.MaxTurns {
		said, err := model.ask(ctx, messages)
		if err != nil {
			return Answer{}, err
		}
		messages = append(messages, asHistory(said))
		if len(said.ToolCalls) == 0 {
			return Answer{Reply: textOf(said), Messages: ownMessages(messages[first:]), Usage: model.usage}, nil
		}
		messages = append(messages, a.callTools(ctx, said.ToolCalls)...)
		if err := ctx.Err(); err != nil {
			return Answer{}, fmt.Errorf("calling the model's tools: %w", err)
		}
	}
	return Answer{}, &Error{Kind: TurnsExceeded, cause: fmt.Sprintf("no final answer after %d turns", a.cfg.MaxTurns)}
}

// callTools runs all calls concurrently and returns their results in the order of
// the calls.
func (a *Agent) callTools(ctx context.Context, calls []openai.ToolCall) []openai.ChatCompletionMessage {
	results := make([]openai.ChatCompletionMessage, len(calls))
	var wg sync.WaitGroup
	for i, call := range calls {
		wg.Go(func() {
			results[i] = openai.ChatCompletionMessage{
				Role:       openai.ChatMessageRoleTool,
				Content:    a.callTool(ctx, call.Function.Name, call.Function.Arguments),
				ToolCallID: call.ID,
			}
		})
	}
	wg.Wait()
	return results
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
