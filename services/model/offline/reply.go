package offline

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/sashabaranov/go-openai"
)

// timeTool is the tool that the model uses on its own. It calls others when the user says
// so, see namedTool.
const timeTool = "get_current_time"

// maxEcho is how much of the user's message a reply repeats, in characters.
const maxEcho = 200

// message is the model's answer. Unlike go-openai's type it always has content, and
// arguments may be empty.
type message struct {
	Role      string     `json:"role"`
	Content   *string    `json:"content"`
	ToolCalls []toolCall `json:"tool_calls,omitempty"`

	finish openai.FinishReason
}

type toolCall struct {
	Index    *int          `json:"index,omitempty"` // in streams only
	ID       string        `json:"id,omitempty"`
	Type     string        `json:"type,omitempty"`
	Function function      `json:"function"`
	Extra    *extraContent `json:"extra_content,omitempty"`
}

type function struct {
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments"`
}

// reply returns the model's answer, which depends on the request alone.
func reply(req *request, b behaviour) message {
	calls := toolCalls(req, b)
	if len(calls) == 0 {
		return message{
			Role:    openai.ChatMessageRoleAssistant,
			Content: new(say(req, b)),
			finish:  openai.FinishReasonStop,
		}
	}
	m := message{Role: openai.ChatMessageRoleAssistant, ToolCalls: calls, finish: openai.FinishReasonToolCalls}
	switch b.tools {
	case "text":
		m.Content = new("Let me look at the clock.")
	case "gemini":
		m.finish = openai.FinishReasonStop
	}
	return m
}

// toolCalls returns the tool calls of this turn, if it has any.
func toolCalls(req *request, b behaviour) []toolCall {
	name := timeTool
	arguments := []string{"{}"} // one for each call
	turn := req.toolTurns()
	turns := 1 // how many turns have calls
	switch b.tools {
	case "":
		named, args, ok := namedTool(req)
		if ok {
			name, arguments = named, []string{args}
		} else if !asksForTime(req) {
			return nil
		}
	case "parallel":
		arguments = []string{`{"n":1}`, `{"n":2}`, `{"n":3}`}
	case "noid", "ollama":
		arguments = []string{`{"n":1}`, `{"n":2}`}
	case "empty":
		arguments = []string{""}
	case "malformed":
		turns = 2
		if turn == 0 {
			arguments = []string{`{"zone": UTC`}
		}
	case "unknown":
		turns = 2
		if turn == 0 {
			name = "no_such_tool"
		}
	case "gemini":
		turns = 2
		if turn == 0 {
			arguments = []string{"{}", "{}"}
		}
	case "forever":
		turns = turn + 1
	}
	if turn >= turns || name == timeTool && !req.offers(timeTool) || len(req.Tools) == 0 {
		return nil
	}
	calls := make([]toolCall, len(arguments))
	for i, args := range arguments {
		calls[i] = toolCall{Type: "function", Function: function{name, args}}
		if b.tools != "noid" {
			calls[i].ID = fmt.Sprintf("call_%s_%d", fingerprint(req.body), i)
		}
		if b.tools == "gemini" {
			calls[i].Extra = &extraContent{}
			calls[i].Extra.Google.ThoughtSignature = signature(req.Messages, i)
		}
	}
	return calls
}

// say returns the text of a reply.
func say(req *request, b behaviour) string {
	if b.words > 0 {
		return count(b.words)
	}
	greeting := "Hello!"
	sent := regexp.MustCompile(`The user has sent (\d+) messages? so far`)
	if m := sent.FindStringSubmatch(req.instructions()); m != nil {
		switch m[1] {
		case "0":
			greeting = "Welcome! This is your first message."
		case "1":
			greeting = "Welcome back! You had sent 1 message before this one."
		default:
			greeting = fmt.Sprintf("Welcome back! You had sent %s messages before this one.", m[1])
		}
	}
	if results := req.toolResults(); len(results) > 0 {
		return fmt.Sprintf("%s I am the offline model, so I pass on what my tools say: %s",
			greeting, strings.Join(results, "; "))
	}
	if memory, ok := recall(req); ok {
		return greeting + " " + memory
	}
	if n, _ := countsTo(req); n > 0 {
		return count(n)
	}
	return fmt.Sprintf("%s I am the offline model, so I can only repeat what you said: %q",
		greeting, brief(userText(req)))
}

// countsTo returns the number that the user wants to hear counted to, and whether slowly:
// "count to 20", "count slowly to 20". Without such a wish it is 0.
func countsTo(req *request) (n int, slowly bool) {
	wish := regexp.MustCompile(`(?i)\bcount (slowly )?to (\d{1,4})\b`).FindStringSubmatch(userText(req))
	if wish == nil {
		return 0, false
	}
	n, _ = strconv.Atoi(wish[2]) // the pattern makes it a number
	return n, wish[1] != ""
}

// count returns the numbers from 1 to n, so that a missing part of them is seen.
func count(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "%d ", i+1)
	}
	return strings.TrimSuffix(text.String(), " ")
}

func asksForTime(req *request) bool {
	if _, recalls := recall(req); recalls {
		return false
	}
	said := strings.ToLower(userText(req))
	if regexp.MustCompile(`\b(what time|the time|clock)\b`).MatchString(said) {
		return true
	}
	return strings.Contains(said, "?") && regexp.MustCompile(`\btime\b`).MatchString(said)
}

func userText(req *request) string {
	if i := req.lastUser(); i >= 0 {
		return text(req.Messages[i])
	}
	return ""
}

func brief(s string) string {
	r := []rune(strings.Join(strings.Fields(s), " "))
	if len(r) > maxEcho {
		return string(r[:maxEcho]) + "…"
	}
	return string(r)
}

// usage counts words, which are close enough to tokens.
func usage(req *request, m message) openai.Usage {
	asked := 0
	answered := 0
	for _, said := range req.Messages {
		asked += len(strings.Fields(text(said)))
	}
	if m.Content != nil {
		answered += len(strings.Fields(*m.Content))
	}
	for _, call := range m.ToolCalls {
		answered += 1 + len(strings.Fields(call.Function.Arguments))
	}
	return openai.Usage{PromptTokens: asked, CompletionTokens: answered, TotalTokens: asked + answered}
}

func fingerprint(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:12])
}
