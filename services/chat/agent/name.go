package agent

// ToolName returns the name in a form that OpenAI accepts for tools: 1 to 64 letters,
// digits, '_' and '-'. It leaves such a name as it is.
func ToolName(name string) string { return toolName(name) }
