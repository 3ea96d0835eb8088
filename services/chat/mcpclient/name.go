package mcpclient

import (
	"crypto/sha256"
	"encoding/hex"

	"daca/services/chat/agent"
)

const maxToolName = 64 // of OpenAI

// clean returns the text as part of a tool's name.
func clean(text string) string { return agent.ToolName(text) }

// toolName returns the name under which the model knows a tool of a server:
// server__tool. Where that cannot be a name, it is changed, and ends in a hash of both.
// No two tools have the same name, and the name of one does not depend on what others
// there are: it is the same on every replica, and in every conversation.
func toolName(server, tool string) string {
	name := server + "__" + tool
	if clean(name) == name && tool != "" {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	suffix := "_" + hex.EncodeToString(sum[:4])
	name = clean(name)
	return name[:min(len(name), maxToolName-len(suffix))] + suffix
}
