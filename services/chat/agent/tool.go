package agent

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/sashabaranov/go-openai"
)

const (
	maxQuoted = 1000     // bytes of bad arguments that are quoted to the model
	maxResult = 64 << 10 // bytes of a result that the model is told
)

// Tool is a function that the model may ask the agent to call.
type Tool struct {
	Name        string
	Description string // tells the model when to use the tool
	// Parameters is the JSON schema of the arguments, which are an object. Nil is that of
	// a tool without arguments.
	Parameters json.RawMessage
	Strict     bool // whether the provider has to hold the model to the schema
	// Execute is the function. Calls may be concurrent. args is a JSON object, but
	// may violate Parameters. The model is told the result or the text of the
	// error, of at most 64 KiB. Execute must return soon after ctx ends, because Run
	// waits for it. Without Execute the tool is the caller's, see Request.Tools.
	Execute func(ctx context.Context, args json.RawMessage) (string, error)
}

// Validate returns why the tool cannot be offered to a model, if it cannot.
func (t Tool) Validate() error {
	switch {
	case t.Name == "":
		return errors.New("it has no name")
	case t.Name != ToolName(t.Name):
		return errors.New("its name is not 1 to 64 letters, digits, '_' and '-'")
	case t.Parameters != nil && !isObject(t.Parameters):
		return errors.New("its parameters are not a JSON schema")
	}
	return nil
}

// forModel returns the tool as the protocol describes it.
func (t Tool) forModel() openai.Tool {
	parameters := t.Parameters
	if parameters == nil {
		parameters = json.RawMessage(`{"type":"object","properties":{}}`)
	}
	return openai.Tool{Type: openai.ToolTypeFunction, Function: &openai.FunctionDefinition{
		Name: t.Name, Description: t.Description, Strict: t.Strict, Parameters: parameters,
	}}
}

// toolset is what a model is offered.
type toolset struct {
	byName map[string]Tool
	offer  []openai.Tool
}

// with returns the tools with more of them. Those replace tools of the same name. It
// fails if one is incomplete, or if two have the same name.
func (s toolset) with(more []Tool) (toolset, error) {
	if len(more) == 0 {
		return s, nil
	}
	all := toolset{byName: map[string]Tool{}, offer: slices.Clone(s.offer)}
	maps.Copy(all.byName, s.byName)
	seen := map[string]bool{}
	for _, tool := range more {
		if err := tool.Validate(); err != nil {
			return toolset{}, fmt.Errorf("tool %q: %w", tool.Name, err)
		}
		if seen[tool.Name] {
			return toolset{}, fmt.Errorf("tool %q: there are two of that name", tool.Name)
		}
		seen[tool.Name] = true
		all.byName[tool.Name] = tool
		at := slices.IndexFunc(all.offer, func(t openai.Tool) bool { return t.Function.Name == tool.Name })
		if at >= 0 {
			all.offer[at] = tool.forModel()
		} else {
			all.offer = append(all.offer, tool.forModel())
		}
	}
	return all, nil
}

// ofCaller returns those of the calls that only the caller can execute.
func (s toolset) ofCaller(calls []openai.ToolCall) []openai.ToolCall {
	return slices.DeleteFunc(slices.Clone(calls), func(call openai.ToolCall) bool {
		tool, ok := s.byName[call.Function.Name]
		return !ok || tool.Execute != nil
	})
}

// callTool returns the text for the model: the tool's result, or why there is none
// and what to do about it.
func (r *run) callTool(ctx context.Context, name, arguments string) string {
	tool, ok := r.tools.byName[name]
	if !ok {
		name = ToolName(name)
		r.agent.cfg.Logger.WarnContext(ctx, "the model called an unknown tool", "tool", name)
		names := strings.Join(slices.Sorted(maps.Keys(r.tools.byName)), ", ")
		return fmt.Sprintf("There is no tool %q. The tools are: %s.", name, names)
	}
	args, err := parseArguments(arguments)
	if err != nil {
		r.agent.cfg.Logger.WarnContext(ctx, "the model called a tool with bad arguments", "tool", name, "error", err)
		return fmt.Sprintf("The arguments could not be read. Try again with valid JSON. Error: %v. "+
			"The arguments were: %s", err, shorten(arguments, maxQuoted))
	}
	toolCtx, cancel := context.WithTimeout(ctx, r.agent.cfg.ToolTimeout)
	defer cancel()
	result, err := r.agent.execute(toolCtx, tool, args)
	switch {
	case err == nil:
		return resultOf(result)
	case errors.Is(toolCtx.Err(), context.DeadlineExceeded) && ctx.Err() == nil:
		err = fmt.Errorf("the tool %s timed out after %s", name, r.agent.cfg.ToolTimeout)
	}
	r.agent.cfg.Logger.WarnContext(ctx, "a tool failed", "tool", name, "error", err)
	return resultOf(fmt.Sprintf("The tool failed. Try again if that makes sense. Error: %v", err))
}

// resultOf returns what the model is told of a result: something, and not too much.
func resultOf(result string) string {
	if strings.TrimSpace(result) == "" {
		return "The tool succeeded and returned nothing."
	}
	if len(result) <= maxResult {
		return result
	}
	note := fmt.Sprintf("\n\n[The result is cut off here: it has %d bytes.]", len(result))
	return shorten(result, maxResult-len(note)) + note
}

// ToolName returns the name in a form that OpenAI accepts: 1 to 64 letters, digits, '_'
// and '-'. It leaves such a name as it is.
func ToolName(name string) string {
	const longest = 64
	var clean strings.Builder
	for _, r := range name {
		if clean.Len() == longest {
			break
		}
		isName := r == '-' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z'
		if !isName {
			r = '_'
		}
		clean.WriteRune(r)
	}
	return cmp.Or(clean.String(), "_")
}

// execute turns a panic of the tool into an error.
func (a *Agent) execute(ctx context.Context, tool Tool, args json.RawMessage) (result string, err error) {
	defer func() {
		if r := recover(); r != nil {
			a.cfg.Logger.ErrorContext(ctx, "a tool panicked",
				"tool", tool.Name, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = errors.New("the tool broke down")
		}
	}()
	return tool.Execute(ctx, args)
}

// parseArguments returns the arguments of a call as a JSON object. An empty string
// and null are an empty object, because some models send these instead.
func parseArguments(arguments string) (json.RawMessage, error) {
	switch strings.TrimSpace(arguments) {
	case "", "null":
		return json.RawMessage("{}"), nil
	}
	var args json.RawMessage
	if err := json.Unmarshal([]byte(arguments), &args); err != nil {
		return nil, err
	}
	if !isObject(args) {
		return nil, errors.New("they are not a JSON object")
	}
	return args, nil
}

func isObject(b json.RawMessage) bool {
	return json.Valid(b) && bytes.HasPrefix(bytes.TrimSpace(b), []byte("{"))
}
