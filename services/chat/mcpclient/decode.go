package mcpclient

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/net/http/httpguts"
)

// document is the form that MCP clients have in common.
type document struct {
	Servers map[string]entry `json:"mcpServers"`
}

// entry describes one server, see Server.
type entry struct {
	Type    string            `json:"type"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Command string            `json:"command"`
	Args    []string          `json:"args"`
	Env     map[string]string `json:"env"`
	Allow   []string          `json:"allow"`
	Timeout string            `json:"timeout"`
}

// decode reads a document strictly. Its error names the member that is wrong.
func decode(text []byte) (document, error) {
	var d document
	err := jsonv2.Unmarshal(text, &d, jsonv2.RejectUnknownMembers(true))
	var semantic *jsonv2.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case err == nil && d.Servers == nil:
		return d, errors.New("mcpServers is missing")
	case err == nil:
		return d, nil
	case errors.As(err, &semantic) && errors.Is(err, jsonv2.ErrUnknownName):
		return d, fmt.Errorf("%s is not a member that is known", dotted(semantic.JSONPointer))
	case errors.As(err, &semantic):
		return d, fmt.Errorf("%s has the wrong type", dotted(semantic.JSONPointer))
	case errors.As(err, &syntactic) && errors.Is(err, jsontext.ErrDuplicateName):
		return d, fmt.Errorf("%s is there twice", dotted(syntactic.JSONPointer))
	case errors.As(err, &syntactic):
		return d, fmt.Errorf("not valid JSON at byte %d", syntactic.ByteOffset)
	}
	return d, errors.New("not valid JSON")
}

// dotted writes a pointer as people do: mcpServers.search.url.
func dotted(p jsontext.Pointer) string {
	var tokens []string
	for token := range p.Tokens() {
		tokens = append(tokens, token)
	}
	if tokens == nil {
		return "the document"
	}
	return strings.Join(tokens, ".")
}

// variables of the environment, each as NAME=value.
type variables []string

// reference is ${NAME}.
var reference = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// expand replaces each ${NAME} by the variable.
func (v variables) expand(text string) (string, error) {
	var missing []error
	expanded := reference.ReplaceAllStringFunc(text, func(found string) string {
		name := strings.TrimSuffix(strings.TrimPrefix(found, "${"), "}")
		value, ok := v.lookup(name)
		if !ok {
			missing = append(missing, fmt.Errorf("the environment has no variable %s", name))
		}
		return value
	})
	return expanded, errors.Join(missing...)
}

// lookup returns the last variable of the name, without the line break with which
// secrets that come from files end.
func (v variables) lookup(name string) (value string, ok bool) {
	for _, entry := range v {
		if after, found := strings.CutPrefix(entry, name+"="); found {
			value, ok = strings.TrimRight(after, "\r\n"), true
		}
	}
	return value, ok
}

func isHeader(name, value string) bool {
	return httpguts.ValidHeaderFieldName(name) && httpguts.ValidHeaderFieldValue(value)
}

func isVariable(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool { return r == '=' || unicode.IsControl(r) })
}
