package main

import (
	"fmt"
	"slices"
	"strings"

	"daca/services/chat/agent"
)

// conversation is what the messages of a request come to.
type conversation struct {
	instructions string // the system messages with which it begins
	history      []agent.Message
	text         string // what the user says, if that comes last
}

// conversation converts the messages. Blank ones are left out, because some providers
// refuse them: front ends keep an answer without text when it was stopped at once.
func (in *completionInput) conversation() (conversation, *v1Error) {
	var said conversation
	if refusal := checkCalls(in.Messages); refusal != nil {
		return said, refusal
	}
	var instructions []string
	for i, m := range in.Messages {
		message, refusal := m.convert(i)
		switch {
		case refusal != nil:
			return said, refusal
		case i == len(in.Messages)-1 && message.Role == agent.RoleUser:
			if strings.TrimSpace(message.Content) == "" {
				return said, badV1(messageParam(i, "content"), "Message text cannot be empty")
			}
			said.text = message.Content
		case isBlank(message):
		case message.Role == agent.RoleSystem && len(said.history) == 0:
			instructions = append(instructions, message.Content)
		default:
			said.history = append(said.history, message)
		}
	}
	said.instructions = strings.Join(instructions, "\n\n")
	return said, nil
}

// convert returns message i as the agent has it.
func (m *inputMessage) convert(i int) (agent.Message, *v1Error) {
	out := agent.Message{Role: m.Role, Content: string(m.Content)}
	switch m.Role {
	case agent.RoleSystem, agent.RoleUser:
	case "developer": // OpenAI's newer name of it, which other providers do not know
		out.Role = agent.RoleSystem
	case agent.RoleAssistant:
		for _, call := range m.ToolCalls {
			out.ToolCalls = append(out.ToolCalls, agent.ToolCall{
				ID: call.ID, Name: call.Function.Name, Arguments: call.Function.Arguments, Extra: call.Extra,
			})
		}
	case agent.RoleTool:
		out.ToolCallID = m.ToolCallID
	default:
		return out, badV1(messageParam(i, "role"),
			"The role %.50q is none of system, developer, user, assistant and tool", m.Role)
	}
	return out, nil
}

func isBlank(m agent.Message) bool {
	return m.Role != agent.RoleTool && len(m.ToolCalls) == 0 && strings.TrimSpace(m.Content) == ""
}

// checkCalls enforces OpenAI's rule that every tool call is answered, by its id, before
// any other message, and that every answer has a call.
func checkCalls(messages []inputMessage) *v1Error {
	var open []string
	for i, m := range messages {
		if m.Role == agent.RoleTool {
			at := slices.Index(open, m.ToolCallID)
			if at < 0 {
				return badV1(messageParam(i, "tool_call_id"),
					"No tool call before this message has the id %.100q, or it is answered already", m.ToolCallID)
			}
			open = slices.Delete(open, at, at+1)
			continue
		}
		if len(open) > 0 {
			return badV1(messageParam(i, "role"), "The tool call %.100q is not answered", open[0])
		}
		if m.Role != agent.RoleAssistant {
			continue
		}
		for _, call := range m.ToolCalls {
			if call.Type != "function" && call.Type != "" {
				return badV1(messageParam(i, "tool_calls"), "Tools of type %.50q are not supported", call.Type)
			}
			if call.ID == "" || slices.Contains(open, call.ID) {
				return badV1(messageParam(i, "tool_calls"), "Each tool call needs an id of its own")
			}
			open = append(open, call.ID)
		}
	}
	if len(open) > 0 {
		return badV1("messages", "The tool call %.100q is not answered", open[0])
	}
	return nil
}

// clientTools converts the tools of the client, which the agent does not execute.
func (in *completionInput) clientTools() ([]agent.Tool, *v1Error) {
	var tools []agent.Tool
	names := map[string]bool{}
	for i, given := range in.Tools {
		tool := agent.Tool{
			Name: given.Function.Name, Description: given.Function.Description, Strict: given.Function.Strict,
		}
		if isGiven(given.Function.Parameters) {
			tool.Parameters = given.Function.Parameters
		}
		if given.Type != "function" {
			return nil, badV1(toolParam(i, "type"), "Tools of type %.50q are not supported", given.Type)
		}
		if err := tool.Validate(); err != nil {
			return nil, badV1(toolParam(i, "function"), "The tool %.100q cannot be used: %v", tool.Name, err)
		}
		if names[tool.Name] {
			return nil, badV1(toolParam(i, "function"), "There are two tools %q", tool.Name)
		}
		names[tool.Name] = true
		tools = append(tools, tool)
	}
	return tools, nil
}

// messageParam names a part of message i, and toolParam one of tool i, as OpenAI does.
func messageParam(i int, name string) string { return fmt.Sprintf("messages[%d].%s", i, name) }
func toolParam(i int, name string) string    { return fmt.Sprintf("tools[%d].%s", i, name) }
