package agent

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sashabaranov/go-openai"
)

// Run answers a request. It fails with an *Error if the model fails, with the error of
// ctx if that ends, and if a tool of the request is incomplete. The failure of a tool is
// not an error: the model is told, and decides what to do. The answer beside an error
// has what was said until then. When Run returns, none of its tools is running any more.
func (a *Agent) Run(ctx context.Context, request Request) (Answer, error) {
	tools, err := a.tools.with(request.Tools)
	if err != nil {
		return Answer{}, err
	}
	model, err := a.converse(request, tools)
	if err != nil {
		return Answer{}, err
	}
	r := &run{agent: a, tools: tools, model: model, observer: request.Observe}
	if r.observer != nil {
		model.observe = r.observe
	}
	return r.loop(ctx)
}

// run is one Run.
type run struct {
	agent *Agent
	tools toolset
	model *conversation
	said  []openai.ChatCompletionMessage // by the model and its tools

	mu       sync.Mutex // held while observer is called
	observer func(Event)
}

// observe passes an event on.
func (r *run) observe(event Event) {
	if r.observer == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.observer(event)
}

// loop asks the model until it answers.
func (r *run) loop(ctx context.Context) (Answer, error) {
	for range r.agent.cfg.MaxTurns {
		reply, err := r.model.ask(ctx, r.said)
		if err != nil {
			return r.brokenOff(reply), err
		}
		if len(reply.ToolCalls) == 0 {
			r.said = append(r.said, clean(reply.ChatCompletionMessage))
			return r.answer(reply.Content, endOf(reply.finish)), nil
		}
		if theirs := r.tools.ofCaller(reply.ToolCalls); len(theirs) > 0 {
			return r.handOver(reply, theirs), nil
		}
		r.said = append(r.said, clean(reply.ChatCompletionMessage))
		r.said = append(r.said, r.callTools(ctx, reply.ToolCalls)...)
		if err := ctx.Err(); err != nil {
			return r.answer("", ""), fmt.Errorf("calling the model's tools: %w", err)
		}
	}
	return r.answer("", ""),
		&Error{Kind: TurnsExceeded, cause: fmt.Sprintf("no final answer after %d turns", r.agent.cfg.MaxTurns)}
}

// answer returns what the run has come to.
func (r *run) answer(reply string, finish openai.FinishReason) Answer {
	return Answer{
		Reply:        reply,
		Messages:     r.model.own(r.said),
		FinishReason: string(finish),
		Usage:        r.model.usage,
		Shortened:    r.model.shortened,
	}
}

// endOf returns why a text ends. Providers have other words for stop, or none.
func endOf(finish openai.FinishReason) openai.FinishReason {
	if finish == openai.FinishReasonLength || finish == openai.FinishReasonContentFilter {
		return finish
	}
	return openai.FinishReasonStop
}

// brokenOff returns the answer that ends with the beginning of a reply.
func (r *run) brokenOff(reply reply) Answer {
	if strings.TrimSpace(reply.Content) == "" {
		return r.answer("", "")
	}
	r.said = append(r.said, openai.ChatCompletionMessage{Role: RoleAssistant, Content: reply.Content})
	return r.answer(reply.Content, "")
}

// handOver returns the answer that asks the caller for the results of its tools.
func (r *run) handOver(reply reply, theirs []openai.ToolCall) Answer {
	reply.ToolCalls = theirs
	r.said = append(r.said, clean(reply.ChatCompletionMessage))
	answer := r.answer(reply.Content, openai.FinishReasonToolCalls)
	for _, call := range theirs {
		answer.Calls = append(answer.Calls, r.model.ownCall(call))
	}
	return answer
}

// callTools runs all calls concurrently and returns their results in the order of
// the calls.
func (r *run) callTools(ctx context.Context, calls []openai.ToolCall) []openai.ChatCompletionMessage {
	for _, call := range calls {
		r.observe(ToolCalled{r.model.ownCall(call)})
	}
	results := make([]openai.ChatCompletionMessage, len(calls))
	var wg sync.WaitGroup
	for i, call := range calls {
		wg.Go(func() {
			began := time.Now()
			name := call.Function.Name
			result := r.callTool(ctx, name, call.Function.Arguments)
			results[i] = openai.ChatCompletionMessage{Role: RoleTool, Content: result, ToolCallID: call.ID}
			r.observe(ToolAnswered{ID: call.ID, Name: ToolName(name), Result: result, Took: time.Since(began)})
		})
	}
	wg.Wait()
	return results
}

// own returns messages of this run as sessions keep them.
func (c *conversation) own(said []openai.ChatCompletionMessage) []Message {
	messages := make([]Message, len(said))
	for i, m := range said {
		messages[i] = Message{Role: m.Role, Content: m.Content, ToolCallID: m.ToolCallID}
		for _, call := range m.ToolCalls {
			messages[i].ToolCalls = append(messages[i].ToolCalls, c.ownCall(call))
		}
	}
	return messages
}

// ownCall returns a call as sessions keep it.
func (c *conversation) ownCall(call openai.ToolCall) ToolCall {
	own := ToolCall{ID: call.ID, Name: ToolName(call.Function.Name), Arguments: call.Function.Arguments}
	if args, err := parseArguments(own.Arguments); err == nil {
		own.Arguments = string(args)
	}
	own.Extra = c.http.extras[call.ID]
	return own
}
