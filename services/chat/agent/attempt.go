package agent

import (
	"context"
	"encoding/json"

	"github.com/sashabaranov/go-openai"
)

// attempt sends the request once, or twice if it has to be put differently.
func (c *conversation) attempt(ctx context.Context, request openai.ChatCompletionRequest) (reply, error) {
	if c.observe == nil {
		return c.whole(ctx, request)
	}
	if c.agent.noUsage.Load() {
		return c.stream(ctx, request)
	}
	withUsage := request
	withUsage.StreamOptions = &openai.StreamOptions{IncludeUsage: true}
	answer, err := c.stream(ctx, withUsage)
	if err != nil && c.refusesUsage(err) {
		c.agent.noUsage.Store(true)
		c.agent.cfg.Logger.InfoContext(ctx, "the provider does not tell the usage of streams",
			"status", c.http.latest.status, "error", c.redact(err.Error()))
		return c.stream(ctx, request)
	}
	return answer, err
}

// whole returns the answer that is not streamed.
func (c *conversation) whole(ctx context.Context, request openai.ChatCompletionRequest) (reply, error) {
	answer, err := c.client.CreateChatCompletion(ctx, request)
	if err != nil {
		return reply{}, err
	}
	return c.read(answer)
}

// read returns what the model says in an answer that came in one piece.
func (c *conversation) read(answer openai.ChatCompletionResponse) (reply, error) {
	c.usage.Add(Usage{answer.Usage.PromptTokens, answer.Usage.CompletionTokens, answer.Usage.TotalTokens})
	if len(answer.Choices) == 0 {
		var late chunk
		if err := json.Unmarshal(c.http.latest.body, &late); err == nil && isGiven(late.Error) {
			return reply{}, c.lateError(late.Error)
		}
		return reply{}, &Error{Kind: Unavailable, cause: "the answer has no choices"}
	}
	said := reply{
		ChatCompletionMessage: answer.Choices[0].Message,
		finish:                answer.Choices[0].FinishReason,
		extras:                extrasOf(c.http.latest.body),
	}
	said.Role = RoleAssistant
	said.Content = textOf(said.ChatCompletionMessage)
	said.MultiContent, said.Refusal = nil, ""
	if len(said.Content) > maxSaid {
		said.Content, said.finish = shorten(said.Content, maxSaid), openai.FinishReasonLength
	}
	return said, nil
}
