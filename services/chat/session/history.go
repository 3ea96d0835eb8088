package session

import (
	"slices"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"

	"daca/services/chat/agent"
)

// history returns the messages of the newest turns that fit into maxTokens, oldest first,
// and whether anything is left out. A turn is in it as a whole. The first one that does
// not fit ends it, but may be there without its calls of tools and their results.
func (d *document) history(maxTokens int) (messages []agent.Message, shortened bool) {
	shortened = d.Dropped > 0
	var turns [][]agent.Message // newest first
	for i := len(d.Turns) - 1; i >= 0; i-- {
		var turn Turn
		if jsonv2.Unmarshal(d.Turns[i], &turn) != nil {
			shortened = true
			continue
		}
		whole := turn.forPrompt()
		if tokens := estimate(whole); tokens <= maxTokens {
			maxTokens -= tokens
			turns = append(turns, whole)
			continue
		}
		shortened = true
		if brief := withoutCalls(whole); estimate(brief) <= maxTokens {
			turns = append(turns, brief)
		}
		break
	}
	slices.Reverse(turns)
	return slices.Concat(turns...), shortened
}

// forPrompt returns the messages of the turn as a model takes them: each call has its
// result, and the last word is the agent's. A turn that was stopped may have neither;
// without any word of the agent, it is empty.
func (t Turn) forPrompt() []agent.Message {
	said := t.Messages
	if !callsAnswered(said) {
		said = withoutCalls(said)
	}
	if len(said) == 0 || said[len(said)-1].Role != agent.RoleAssistant || said[len(said)-1].Content == "" {
		return nil
	}
	return append([]agent.Message{{Role: agent.RoleUser, Content: t.Text}}, said...)
}

// callsAnswered reports whether each call is followed by its result.
func callsAnswered(said []agent.Message) bool {
	open := map[string]bool{}
	for _, m := range said {
		if m.Role == agent.RoleTool {
			delete(open, m.ToolCallID)
			continue
		}
		if len(open) > 0 {
			return false
		}
		for _, call := range m.ToolCalls {
			open[call.ID] = true
		}
	}
	return len(open) == 0
}

// withoutCalls leaves out the calls of tools and their results.
func withoutCalls(said []agent.Message) []agent.Message {
	return slices.DeleteFunc(slices.Clone(said), func(m agent.Message) bool {
		return m.Role == agent.RoleTool || len(m.ToolCalls) > 0
	})
}

// tokensPerMessage is for its role and what separates it from the next one.
const tokensPerMessage = 4

// estimate is about how many tokens the messages have. Models count them differently:
// English has about four letters a token, other scripts need up to one for each character.
func estimate(messages []agent.Message) (tokens int) {
	for _, m := range messages {
		tokens += tokensPerMessage + tokensOf(m.Content)
		for _, call := range m.ToolCalls {
			tokens += tokensPerMessage + tokensOf(call.Name) + tokensOf(call.Arguments)
		}
	}
	return tokens
}

func tokensOf(text string) int {
	ascii, others := 0, 0
	for _, r := range text {
		if r < utf8.RuneSelf {
			ascii++
		} else {
			others++
		}
	}
	return (ascii+3)/4 + others
}
