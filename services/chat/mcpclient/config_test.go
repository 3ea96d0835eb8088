package mcpclient

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestLoad(t *testing.T) {
	t.Parallel()
	const text = `{"mcpServers": {
		"search": {"type": "http", "url": "https://${HOST}/mcp", 
			"headers": {"Authorization": "Bearer ${TOKEN}", "X-Price": "$5"}},
		"files": {"command": "mcp-files", "args": ["${HOST}"], "env": {"KEY": "${TOKEN}"}, "allow": ["read"], "timeout": "5s"}
	}}`
	file := filepath.Join(t.TempDir(), "mcp.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []Server{
		{
			Name: "files", Command: "mcp-files", Args: []string{"${HOST}"}, Allow: []string{"read"}, Timeout: 5 * time.Second,
			Env: map[string]string{"KEY": "s3cret"}, Headers: map[string]string{},
		},
		{
			Name: "search", URL: "https://example.com/mcp", Timeout: defaultTimeout,
			Headers: map[string]string{"Authorization": "Bearer s3cret", "X-Price": "$5"}, Env: map[string]string{},
		},
	}
	environ := []string{"PATH=/bin", "OPENAI_API_KEY=k", "HOST=example.com", "TOKEN=old", "TOKEN=s3cret\n"}
	for _, value := range []string{text, file} {
		got, err := Load(value, environ)
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Server{})); err != nil || diff != "" {
			t.Fatalf("Load: %v, %s", err, diff)
		}
		env := got[0].environment()
		if diff := cmp.Diff([]string{"PATH=/bin", "KEY=s3cret"}, env); diff != "" {
			t.Errorf("the environment of the command: %s", diff)
		}
	}
	if got, err := Load(" ", nil); got != nil || err != nil {
		t.Errorf("Load without a value: %v, %v", got, err)
	}
}

func TestLoadSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{`:                 "not valid JSON at byte 1",
		`{"mcpservers":{}}`: "mcpservers is not a member that is known",
		`{}`:                "mcpServers is missing",
		`{"mcpServers":[]}`: "mcpServers has the wrong type",
		`{"mcpServers":{"a":{"url":"http://a"},"a":{"url":"http://a"}}}`:     "mcpServers.a is there twice",
		`{"mcpServers":{"a":{"url":"http://a","headrs":{}}}}`:                "mcpServers.a.headrs is not a member that is known",
		`{"mcpServers":{"a":{"url":"http://a","headers":{"X":7}}}}`:          "mcpServers.a.headers.X has the wrong type",
		`{"mcpServers":{"a":{"url":"http://a","timeout":10}}}`:               "mcpServers.a.timeout has the wrong type",
		`{"mcpServers":{"a":{"url":"http://a","timeout":"s3cret"}}}`:         "mcpServers.a.timeout must be a duration",
		`{"mcpServers":{"a":{"url":"http://a","timeout":"0s"}}}`:             "mcpServers.a.timeout must be a duration",
		`{"mcpServers":{"a":{"url":"s3cret"}}}`:                              "mcpServers.a.url must be a URL",
		`{"mcpServers":{"a":{"url":"http://a/${NOSUCH}"}}}`:                  "mcpServers.a.url: the environment has no variable NOSUCH",
		`{"mcpServers":{"a":{"url":"http://a","headers":{"X":"s3cret\n"}}}}`: "mcpServers.a.headers.X must be a header",
		`{"mcpServers":{"a":{"url":"http://a","headers":{"X Y":"s3cret"}}}}`: "mcpServers.a.headers.X Y must be a header",
		`{"mcpServers":{"a":{"url":"http://a","env":{}}}}`:                   `mcpServers.a.env must be beside "command"`,
		`{"mcpServers":{"a":{"command":"a","headers":{}}}}`:                  `mcpServers.a.headers must be beside "url"`,
		`{"mcpServers":{"a":{"command":"a","env":{"A=B":"s3cret"}}}}`:        "mcpServers.a.env.A=B must be a variable",
		`{"mcpServers":{"a":{}}}`:                                            `mcpServers.a must be an object with`,
		`{"mcpServers":{"a":{"url":"http://a","command":"a"}}}`:              `either "url" or "command"`,
		`{"mcpServers":{"a":{"url":"http://a","type":"sse"}}}`:               `"sse" is not supported`,
		`{"mcpServers":{"a b":{"url":"http://a"}}}`:                          "mcpServers.a b must be named",
		`{"mcpServers":{"a__b":{"url":"http://a"}}}`:                         "mcpServers.a__b must be named",
		`{"mcpServers":{"a_":{"url":"http://a"}}}`:                           "mcpServers.a_ must be named",
		`{"mcpServers":{"a":{"url":"x"},"b":{"command":"b","timeout":"1"}}}`: "mcpServers.b.timeout must",
		`no-such-file.json`: "no-such-file.json",
	} {
		_, err := Load(text, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load(%s) = %v; want %s", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("Load(%s) quotes a value: %v", text, err)
		}
	}
}

func TestToolNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 80)
	for _, tc := range []struct{ server, tool, want string }{
		{"files", "read_file", "files__read_file"},
		{"files", "_b", "files___b"},
		{"files", "read.file", "files__read_file_c214cb95"},
		{"files", "read/file", "files__read_file_031d513c"},
		{"files", "", "files___7aca9491"},
		{"files", long, "files__" + strings.Repeat("x", 48) + "_192b35cd"},
	} {
		if got := toolName(tc.server, tc.tool); got != tc.want || len(got) > maxToolName || clean(got) != got {
			t.Errorf("toolName(%q, %q) = %q; want %q", tc.server, tc.tool, got, tc.want)
		}
	}
}

func TestSecretsAreNotLogged(t *testing.T) {
	t.Parallel()
	p := &peer{secrets: Server{
		URL:     "https://u:pass%2Fword@example.com/mcp?key=a+secret",
		Headers: map[string]string{"Authorization": "Bearer tok3nXYZ"},
		Env:     map[string]string{"DEBUG": "true"},
	}.secrets()}
	const text = `Post "https://u:pass%2Fword@example.com/mcp?key=a+secret": Bearer tok3nXYZ, tok3nXYZ, "a secret", true`
	if got := p.redact(text); strings.Contains(got, "tok3n") || strings.Contains(got, "a+secret") ||
		strings.Contains(got, "a secret") || strings.Contains(got, "word") || !strings.Contains(got, "true") {
		t.Errorf("redact leaves %s", got)
	}
}
