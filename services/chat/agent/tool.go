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
)

// maxQuoted limits how much of bad arguments is quoted to the model, in bytes.
const maxQuoted = 1000

// Tool is a function that the model may ask the agent to call.
type Tool struct {
	Name        string
	Description string // tells the model when to use the tool
	// Parameters is the JSON schema of the arguments, which are an object.
	Parameters json.RawMessage
	// Execute is the function. Calls may be concurrent. args is a JSON object, but
	// may violate Parameters. The model is told the result or the text of the
	// error. Execute must return soon after ctx ends, because Run waits for it.
	Execute func(ctx context.Context, args json.RawMessage) (string, error)
}

func (t Tool) validate() error {
	switch {
	case t.Name == "":
		return errors.New("it has no name")
	case t.Name != toolName(t.Name):
		return errors.New("its name is not 1 to 64 letters, digits, '_' and '-'")
	case t.Execute == nil:
		return errors.New("it cannot be executed")
	case !isObject(t.Parameters):
		return errors.New("its parameters are not a JSON schema")
	}
	return nil
}

// callTool returns the text for the model: the tool's result, or why there is none
// and what to do about it.
func (a *Agent) callTool(ctx context.Context, name, arguments string) string {
	tool, ok := a.tools[name]
	if !ok {
		name = toolName(name)
		a.cfg.Logger.WarnContext(ctx, "the model called an unknown tool", "tool", name)
		names := strings.Join(slices.Sorted(maps.Keys(a.tools)), ", ")
		return fmt.Sprintf("There is no tool %q. The tools are: %s.", name, names)
	}
	args, err := parseArguments(arguments)
	if err != nil {
		a.cfg.Logger.WarnContext(ctx, "the model called a tool with bad arguments", "tool", name, "error", err)
		return fmt.Sprintf("The arguments could not be read. Try again with valid JSON. Error: %v. "+
			"The arguments were: %.*s", err, maxQuoted, arguments)
	}
	toolCtx, cancel := context.WithTimeout(ctx, a.cfg.ToolTimeout)
	defer cancel()
	result, err := a.execute(toolCtx, tool, args)
	switch {
	case err == nil && strings.TrimSpace(result) == "":
		return "The tool succeeded and returned nothing."
	case err == nil:
		return result
	case errors.Is(toolCtx.Err(), context.DeadlineExceeded) && ctx.Err() == nil:
		err = fmt.Errorf("the tool %s timed out after %s", name, a.cfg.ToolTimeout)
	}
	a.cfg.Logger.WarnContext(ctx, "a tool failed", "tool", name, "error", err)
	return fmt.Sprintf("The tool failed. Try again if that makes sense. Error: %v", err)
}

// toolName returns the name in a form that OpenAI accepts: 1 to 64 letters, digits, '_'
// and '-'. It leaves such a name as it is.
func toolName(name string) string {
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
