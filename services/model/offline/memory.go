package offline

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/sashabaranov/go-openai"
)

// recall answers a question about what the user said earlier in the conversation:
//
//	what is my name?         after "my name is Ada": Your name is Ada.
//	what did I say first?    The first thing that you said was: "hello"
//	what did I say before?   Before this you said: "hello"
//
// It returns false if the user asks for something else.
func recall(req *request) (string, bool) {
	asked := strings.ToLower(userText(req))
	earlier := req.earlier()
	switch {
	case regexp.MustCompile(`what('s| is) my name|who am i\b`).MatchString(asked):
		if name := nameIn(earlier); name != "" {
			return "Your name is " + name + ".", true
		}
		return "You have not told me your name.", true
	case !regexp.MustCompile(`what (did|have) i (?:just )?(say|said|tell|told|ask|asked)`).MatchString(asked):
		return "", false
	case len(earlier) == 0:
		return "You have not said anything before this.", true
	case strings.Contains(asked, "first"):
		return fmt.Sprintf("The first thing that you said was: %q", brief(earlier[0])), true
	}
	return fmt.Sprintf("Before this you said: %q", brief(earlier[len(earlier)-1])), true
}

// nameIn returns the name that the user gave last.
func nameIn(texts []string) string {
	name := ""
	gives := regexp.MustCompile(`(?i)\bmy name is ([\pL][\pL\d'’-]*)`)
	for _, said := range texts {
		if m := gives.FindStringSubmatch(said); m != nil {
			name = m[1]
		}
	}
	return name
}

// earlier returns what the user said before the last message.
func (r *request) earlier() []string {
	var said []string
	for _, m := range r.Messages[:max(0, r.lastUser())] {
		if m.Role == openai.ChatMessageRoleUser {
			said = append(said, text(m))
		}
	}
	return said
}

// namedTool returns the tool that the user tells the model to call, and the arguments: "use
// the tool NAME" or "call NAME with {…}". It returns false if no such tool is offered.
func namedTool(req *request) (name, arguments string, ok bool) {
	said := userText(req)
	tells := regexp.MustCompile("(?i)\\b(?:call|use)\\s+(?:the\\s+)?(?:tool\\s+)?[`\"']?([\\w-]+)")
	for _, at := range tells.FindAllStringSubmatchIndex(said, -1) {
		name := said[at[2]:at[3]]
		if req.offers(name) {
			return name, objectIn(said[at[3]:]), true
		}
	}
	return "", "", false
}

// objectIn returns the JSON object in the text, or an empty one.
func objectIn(said string) string {
	var object json.RawMessage
	at := strings.IndexByte(said, '{')
	if at < 0 || json.NewDecoder(strings.NewReader(said[at:])).Decode(&object) != nil {
		return "{}"
	}
	return string(object)
}
