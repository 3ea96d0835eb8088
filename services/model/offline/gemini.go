package offline

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sashabaranov/go-openai"
)

// extraContent is where Gemini's OpenAI-compatible endpoint puts fields for which
// the protocol has no place.
type extraContent struct {
	Google struct {
		ThoughtSignature string `json:"thought_signature"`
	} `json:"google"`
}

// signature returns the signature of a call in the turn after the messages. It is
// different for every conversation, turn and call.
func signature(before []openai.ChatCompletionMessage, call int) string {
	var b strings.Builder
	for _, m := range before {
		fmt.Fprintf(&b, "%q %q\n", m.Role, text(m))
	}
	fmt.Fprintf(&b, "call %d", call)
	return base64.StdEncoding.EncodeToString([]byte(fingerprint([]byte(b.String()))))
}

// checkSignatures refuses, as Gemini does, a conversation in which a tool call
// of the current exchange came back without its signature or with another one.
func checkSignatures(req *request) *apiError {
	var signed struct {
		Messages []struct {
			ToolCalls []struct {
				Extra *extraContent `json:"extra_content"`
			} `json:"tool_calls"`
		} `json:"messages"`
	}
	if err := json.Unmarshal(req.body, &signed); err != nil {
		return badRequest("extra_content is not what it was: %v", err)
	}
	for i := req.lastUser() + 1; i < len(req.Messages); i++ {
		for n, call := range signed.Messages[i].ToolCalls {
			if call.Extra == nil || call.Extra.Google.ThoughtSignature != signature(req.Messages[:i], n) {
				return badRequest("messages[%d].tool_calls[%d] lacks its thought_signature", i, n)
			}
		}
	}
	return nil
}
